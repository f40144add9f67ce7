internal import CZeroMQ

/// A message that was received; valid during the handler's call only.
public struct Message {
    private let parts: UnsafeMutablePointer<zmq_msg_t>
    /// How many parts the message has, at least one.
    public let count: Int

    init(parts: UnsafeMutablePointer<zmq_msg_t>, count: Int) {
        self.parts = parts
        self.count = count
    }

    /// The bytes of part `index`.
    public subscript(index: Int) -> UnsafeRawBufferPointer {
        precondition((0..<count).contains(index))
        return UnsafeRawBufferPointer(
            start: zmq_msg_data(parts + index),
            count: zmq_msg_size(parts + index)
        )
    }

    /// What the library knows of the sender: `Peer-Address`, or `User-Id` behind a handshake that
    /// proves it; nil where it does not know.
    public func property(_ name: String) -> String? {
        // Of a router's messages the first part is its own, and does not always know.
        zmq_msg_gets(parts + count - 1, name).map { String(cString: $0) }
    }

    /// The connection that the message came by, as the kernel calls it; -1 where nobody knows.
    public var descriptor: Int32 { zmq_msg_get(parts + count - 1, ZMQ_SRCFD) }
}
