import CerroTesting
import Foundation

/// A peer of a socket that holds to none of the rules: it connects, and reads nothing, ever.
final class BadPeer {
    private let descriptor: Int32

    /// Connects to a port, of loopback unless told otherwise.
    init(_ host: String = "127.0.0.1", port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        // Little room, so that the other side soon has to keep what this one does not take.
        var room: Int32 = 4096
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &room, socklen_t(MemoryLayout<Int32>.size))
        let status = SocketAddress.with(host, port: port) { connect(descriptor, $0, $1) }
        guard status == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .ECONNREFUSED)
        }
    }

    /// Vanishes without a word: what is on its way is answered with a reset.
    deinit {
        var now = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        close(descriptor)
    }

    /// Sends bytes; that the other side may have hung up does not matter.
    func send(_ bytes: [UInt8]) {
        _ = Foundation.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// Introduces itself as a subscriber, and subscribes to everything.
    ///
    /// Source: ZMTP 3.0 (rfc.zeromq.org/spec/23): greeting, NULL mechanism, command READY.
    func subscribe() {
        let greeting: [UInt8] =
            [0xFF] + [UInt8](repeating: 0, count: 8) + [0x7F, 3, 0] + Array("NULL".utf8)
            + [UInt8](repeating: 0, count: 48)
        let property = [11] + Array("Socket-Type".utf8) + [0, 0, 0, 3] + Array("SUB".utf8)
        let ready = [5] + Array("READY".utf8) + property
        send(greeting + [0x04, UInt8(ready.count)] + ready + [0x00, 1, 0x01])
    }
}
