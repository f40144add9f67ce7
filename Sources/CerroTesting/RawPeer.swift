internal import Foundation

/// A peer of a socket that holds to none of the rules, and reads nothing unless it is told to.
///
/// It speaks the wire protocol itself, since a socket of the library reads and answers by itself.
///
/// Source: ZMTP 3.0 (rfc.zeromq.org/spec/23).
public final class RawPeer {
    /// The beginning of an introduction: signature, version, the mechanism NULL.
    public static let greeting: [UInt8] =
        [0xFF] + [UInt8](repeating: 0, count: 8) + [0x7F, 3, 0] + Array("NULL".utf8)
        + [UInt8](repeating: 0, count: 48)

    /// The topics of all messages that ``listen()`` read, with how many there were.
    public private(set) var heard: [String: Int] = [:]
    /// Whether ``listen()`` found that the other side has hung up.
    public private(set) var isClosed = false

    private let descriptor: Int32
    private var bytes: [UInt8] = []

    /// Connects to a port.
    ///
    /// - Parameters:
    ///   - host: its address, that of loopback unless told otherwise.
    ///   - port: where somebody listens.
    ///   - room: the bytes that the kernel keeps of what it does not read; the less, the sooner the
    ///     other side has to keep them. Nil is what the system gives.
    ///   - patience: the seconds after which the other side, which takes or sends nothing, counts
    ///     as one that has hung up; 0 waits for ever.
    /// - Throws: `POSIXError` where nobody listens.
    public init(
        _ host: String = "127.0.0.1",
        port: Int,
        room: Int32? = nil,
        patience: Int = 0
    ) throws {
        // No process that another test starts meanwhile shall hold the connection open.
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        if var room {
            setsockopt(
                descriptor,
                SOL_SOCKET,
                SO_RCVBUF,
                &room,
                socklen_t(MemoryLayout<Int32>.size)
            )
        }
        var limit = timeval(tv_sec: patience, tv_usec: 0)
        for option in [SO_SNDTIMEO, SO_RCVTIMEO] {
            let size = socklen_t(MemoryLayout<timeval>.size)
            setsockopt(descriptor, SOL_SOCKET, option, &limit, size)
        }
        let status = SocketAddress.with(host, port: port) { connect(descriptor, $0, $1) }
        // What is whole by now is closed by `deinit`; a second time would close somebody else's.
        guard status == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .ECONNREFUSED)
        }
    }

    deinit { close(descriptor) }
}

extension RawPeer {
    /// Introduces itself as a socket of that kind, and waits until the other side has begun to.
    public func introduce(as kind: String) {
        let property =
            [11] + Array("Socket-Type".utf8) + [0, 0, 0, UInt8(kind.utf8.count)] + Array(kind.utf8)
        let ready = [5] + Array("READY".utf8) + property
        send(Self.greeting + [0x04, UInt8(ready.count)] + ready)
        receive(Self.greeting.count)
    }

    /// Introduces itself as a subscriber, and subscribes to the topics that begin with `topic`.
    public func subscribe(to topic: String = "") {
        introduce(as: "SUB")
        send(Self.part([1] + Array(topic.utf8)))
    }

    /// A part of a message, of any length.
    public static func part(_ bytes: [UInt8], isLast: Bool = true) -> [UInt8] {
        let more: UInt8 = isLast ? 0 : 1
        guard bytes.count > 255 else { return [more, UInt8(bytes.count)] + bytes }
        let length = (0..<8).reversed().map { UInt8(truncatingIfNeeded: bytes.count >> ($0 * 8)) }
        return [more | 2] + length + bytes
    }

    /// Sends bytes; false where the other side has hung up or takes no more, which may not matter.
    @discardableResult
    public func send(_ bytes: [UInt8]) -> Bool {
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
    public func flood(_ bytes: [UInt8], most: Int) -> Bool {
        for _ in 0..<(most / bytes.count) where !send(bytes) { return true }
        return false
    }

    /// Sends `bytes` again and again until the other side takes no more for a moment.
    public func fill(_ bytes: [UInt8]) {
        var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        while poll(&ready, 1, 200) > 0 {
            _ = bytes.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
            }
        }
    }

    /// Reads so many bytes; false if the other side hangs up before.
    @discardableResult
    public func receive(_ count: Int) -> Bool {
        var bytes = [UInt8](repeating: 0, count: count)
        return recv(descriptor, &bytes, count, Int32(MSG_WAITALL)) == count
    }

    /// Waits until the other side hangs up.
    public func untilEnd() {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while recv(descriptor, &bytes, bytes.count, 0) > 0 {}
    }

    /// Reads all that has arrived by now, and notes the topics in ``heard``.
    public func listen() {
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = recv(descriptor, &piece, piece.count, Int32(MSG_DONTWAIT))
            if count == 0 || count < 0 && errno != EAGAIN && errno != EINTR { isClosed = true }
            guard count > 0 else { break }
            bytes += piece[..<count]
            takeFrames()
        }
    }

    /// A frame is flags (1: more follow, 2: long, 4: command), a length of 1 or 8 bytes, a body.
    private func takeFrames() {
        var offset = 0
        while offset + 9 <= bytes.count {
            let flags = bytes[offset]
            let isLong = flags & 2 != 0
            let length =
                isLong
                ? bytes[(offset + 1)..<(offset + 9)].reduce(0) { $0 << 8 | Int($1) }
                : Int(bytes[offset + 1])
            let begin = offset + (isLong ? 9 : 2)
            guard begin + length <= bytes.count else { break }
            // The topic is the frame that another one follows.
            if flags & 5 == 1 {
                let topic = String(decoding: bytes[begin..<(begin + length)], as: UTF8.self)
                heard[topic, default: 0] += 1
            }
            offset = begin + length
        }
        bytes.removeFirst(offset)
    }
}
