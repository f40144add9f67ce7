public import ZeroMQ

/// Why a socket cannot be opened.
public enum BusError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another program listens on every port that was allowed.
    case portTaken(host: String, ports: ClosedRange<Int>)
    /// Others than this machine could connect, and no keys protect the socket.
    case unprotected(host: String)
    /// What was to be connected to is on another machine, and no keys protect the way.
    case unprotectedWay(to: BusEndpoint)
    /// Nobody has told the key of who listens there.
    case keyUnknown(of: BusEndpoint)
    /// The bus is shut down, out of resources, or the address is wrong.
    case failed(ZeroMQError)

    /// What was found, why, and what to do.
    public var description: String {
        switch self {
        case .portTaken(let host, let ports):
            ZeroMQError.portTaken(host: host, ports: ports).description
        case .unprotected(let host):
            "a socket on \(host) would be open to the network without keys: run `cerro keys init` "
                + "and name the folder as `keys` in the site file, or use the address 127.0.0.1"
        case .unprotectedWay(let endpoint):
            "\(endpoint) is on another machine, and nothing is sent there without keys: copy the "
                + "folder of keys that `cerro keys init` made, and name it as `keys` in the site "
                + "file"
        case .keyUnknown(let endpoint):
            "the key of \(endpoint) is not known, so nobody can tell who listens there: its "
                + "process has to run with the same `keys` as the registry"
        case .failed(let error): error.description
        }
    }

    init(_ error: ZeroMQError) {
        if case .portTaken(let host, let ports) = error {
            self = .portTaken(host: host, ports: ports)
        } else {
            self = .failed(error)
        }
    }
}
