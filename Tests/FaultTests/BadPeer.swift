import CerroTesting
import Foundation

/// A peer of a socket that holds to none of the rules: it connects, and reads nothing unless told.
final class BadPeer {
    private let descriptor: Int32

    /// Connects to a port, of loopback unless told otherwise.
    init(_ host: String = "127.0.0.1", port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        // Little room, so that the other side soon has to keep what this one does not take.
        var room: Int32 = 4096
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &room, socklen_t(MemoryLayout<Int32>.size))
        // Whoever takes no more bytes of this one need not wait for it either.
        var limit = timeval(tv_sec: 2, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        let status = SocketAddress.with(host, port: port) { connect(descriptor, $0, $1) }
        guard status == 0 else {
            let error = POSIXError(POSIXErrorCode(rawValue: errno) ?? .ECONNREFUSED)
            close(descriptor)
            throw error
        }
    }

    /// Vanishes without a word: what is on its way is answered with a reset.
    deinit {
        var now = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        close(descriptor)
    }

    /// Sends bytes; false where the other side has hung up or takes no more, which may not matter.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Sends `bytes` again and again until the other side hangs up or `most` bytes went; true if it
    /// has hung up.
    func flood(_ bytes: [UInt8], most: Int) -> Bool {
        for _ in 0..<(most / bytes.count) where !send(bytes) { return true }
        return false
    }

    /// The beginning of an introduction.
    ///
    /// Source: ZMTP 3.0 (rfc.zeromq.org/spec/23): greeting, NULL mechanism, command READY.
    static let greeting: [UInt8] =
        [0xFF] + [UInt8](repeating: 0, count: 8) + [0x7F, 3, 0] + Array("NULL".utf8)
        + [UInt8](repeating: 0, count: 48)

    /// Introduces itself as a socket of that kind, and waits until the other side has done so.
    func introduce(as kind: String) {
        greet(as: kind)
        var bytes = [UInt8](repeating: 0, count: Self.greeting.count + 2)
        recv(descriptor, &bytes, bytes.count, Int32(MSG_WAITALL))
    }

    private func greet(as kind: String) {
        let property =
            [11] + Array("Socket-Type".utf8) + [0, 0, 0, UInt8(kind.utf8.count)] + Array(kind.utf8)
        let ready = [5] + Array("READY".utf8) + property
        send(Self.greeting + [0x04, UInt8(ready.count)] + ready)
    }

    /// Introduces itself as a subscriber, and subscribes to everything.
    func subscribe() {
        greet(as: "SUB")
        send([0x00, 1, 0x01])
    }

    /// A part of a message, of any length.
    static func part(_ bytes: [UInt8], isLast: Bool = true) -> [UInt8] {
        let more: UInt8 = isLast ? 0 : 1
        guard bytes.count > 255 else { return [more, UInt8(bytes.count)] + bytes }
        let length = (0..<8).reversed().map { UInt8(truncatingIfNeeded: bytes.count >> ($0 * 8)) }
        return [more | 2] + length + bytes
    }
}
