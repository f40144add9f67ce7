internal import Glibc
public import MessageBus

/// Somebody who subscribes at a publisher and reads nothing until it is told to.
///
/// It speaks the wire protocol itself, since a socket of the library reads by itself: greeting,
/// READY and a subscription (ZMTP 3.1, rfc.zeromq.org/spec/37).
public final class DeafSubscriber {
    private let descriptor: Int32
    private var bytes: [UInt8] = []
    /// The topics of all messages that were read, with how many there were.
    public private(set) var heard: [String: Int] = [:]

    /// Subscribes to topics that begin with `topic`; the publisher learns of it when it looks.
    public init(at endpoint: BusEndpoint, to topic: String = "") throws(DeafSubscriberError) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var size = Int32(16 << 10)
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_RCVBUF,
            &size,
            socklen_t(MemoryLayout<Int32>.size)
        )
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(endpoint.port).bigEndian
        address.sin_addr.s_addr = inet_addr(endpoint.host)
        let outcome = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard descriptor >= 0, outcome == 0 else { throw DeafSubscriberError() }
        var greeting = [UInt8](repeating: 0, count: 64)
        (greeting[0], greeting[9], greeting[10], greeting[11]) = (0xFF, 0x7F, 3, 1)
        greeting.replaceSubrange(12..<16, with: Array("NULL".utf8))
        try send(greeting)
        // Those of the publisher, so that it has nothing more to say before the subscription.
        try receive(64)
        let ready =
            [5] + Array("READY".utf8) + [11] + Array("Socket-Type".utf8) + [0, 0, 0, 3]
            + Array("SUB".utf8)
        try send([4, UInt8(ready.count)] + ready)
        // A message of one frame: subscribe.
        try send([0, UInt8(1 + topic.utf8.count), 1] + Array(topic.utf8))
    }

    deinit { close(descriptor) }

    /// Whether the agent has let go of it, as of everybody who does not answer for long.
    public private(set) var isClosed = false

    /// Reads all that has arrived by now.
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

    private func send(_ bytes: [UInt8]) throws(DeafSubscriberError) {
        guard write(descriptor, bytes, bytes.count) == bytes.count else {
            throw DeafSubscriberError()
        }
    }

    private func receive(_ count: Int) throws(DeafSubscriberError) {
        var bytes = [UInt8](repeating: 0, count: count)
        guard recv(descriptor, &bytes, count, Int32(MSG_WAITALL)) == count else {
            throw DeafSubscriberError()
        }
    }
}

/// The system refused a connection, with its errno.
public struct DeafSubscriberError: Error {
    let code = errno
}
