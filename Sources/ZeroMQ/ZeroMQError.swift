internal import CZeroMQ
internal import Glibc

/// Why a socket cannot be made, bound or connected.
public enum ZeroMQError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another program listens on every port that was allowed.
    case portTaken(host: String, ports: ClosedRange<Int>)
    /// The address is none of this machine's, or is no address.
    case badAddress(String, reason: String)
    /// The process has no files, threads or memory left, or the reactor is shut down.
    case exhausted(call: String, reason: String)
    /// libzmq refused a call for a reason that a caller cannot do anything about.
    case library(call: String, reason: String)

    /// What was found, why, and what to do.
    public var description: String {
        switch self {
        case .portTaken(let host, let ports) where ports.count == 1:
            "port \(ports.lowerBound) of \(host) is taken by another program: find it with "
                + "`ss -ltnp sport = :\(ports.lowerBound)` and stop it, or choose another port"
        case .portTaken(let host, let ports):
            "all ports \(ports.lowerBound)-\(ports.upperBound) of \(host) are taken by other "
                + "programs: find them with `ss -ltnp` and stop one, or widen the range `ports`"
        case .badAddress(let address, let reason):
            "cannot use the address \(address): \(reason); write tcp://HOST:PORT with an address "
                + "of this machine to listen on, or of another to connect to"
        case .exhausted(let call, let reason):
            "\(call) failed: \(reason); the process needs more of it (see `ulimit -a`)"
        case .library(let call, let reason):
            "\(call) failed: \(reason)"
        }
    }

    /// What the error number that the last call left says, as the error of `call`.
    static func last(_ call: String, address: String? = nil) -> ZeroMQError {
        of(call, zmq_errno(), address: address)
    }

    static func of(_ call: String, _ number: Int32, address: String? = nil) -> ZeroMQError {
        let reason = String(cString: zmq_strerror(number))
        switch number {
        case EMFILE, ENFILE, ENOMEM, EAGAIN, zmqTerminated:
            return .exhausted(call: call, reason: reason)
        case EADDRNOTAVAIL, ENODEV, EINVAL, EPROTONOSUPPORT, EACCES:
            guard let address else { return .library(call: call, reason: reason) }
            return .badAddress(address, reason: reason)
        default:
            return .library(call: call, reason: reason)
        }
    }
}

/// ETERM, spelled out because the macro's arithmetic is the header's private matter.
let zmqTerminated: Int32 = 156_384_712 + 53
