internal import CZeroMQ
internal import Glibc
internal import Synchronization

/// How many bytes the library holds of what a socket has sent.
final class WaitingBytes: Sendable {
    let count = Atomic(0)
}

/// What stands before the bytes of a message that is counted: whose it is and how long.
private struct CountedHead {
    let owner: Unmanaged<WaitingBytes>
    let byteCount: Int
}

extension Socket {
    /// Bytes of what ``sendCounted(_:_:)`` sent that some peer has yet to read.
    ///
    /// A message to many peers is held, and counted, once.
    public var waitingByteCount: Int { waiting.count.load(ordering: .acquiring) }

    /// Sends a message of two parts as ``send(_:)-(UnsafeRawBufferPointer...)`` does, and counts
    /// the bytes of the second one for as long as the library holds them.
    public func sendCounted(
        _ head: UnsafeRawBufferPointer,
        _ body: UnsafeRawBufferPointer
    ) -> SendOutcome {
        guard !isClosed else { return .full }
        noteUse()
        let outcome = sendPart(head, ZMQ_DONTWAIT | ZMQ_SNDMORE)
        guard outcome == .sent else { return outcome }
        return sendRest(counted(body))
    }

    /// Sends a message of two parts as ``send(_:)-(UnsafeRawBufferPointer...)`` does, without a
    /// copy of the second one, which came from `malloc`: it is freed when it is sent, or was not.
    public func send(
        _ head: UnsafeRawBufferPointer,
        adopting body: UnsafeMutableRawBufferPointer
    ) -> SendOutcome {
        guard !isClosed else {
            free(body.baseAddress)
            return .full
        }
        noteUse()
        let outcome = sendPart(head, ZMQ_DONTWAIT | ZMQ_SNDMORE)
        guard outcome == .sent else {
            free(body.baseAddress)
            return outcome
        }
        var message = zmq_msg_t()
        let status = zmq_msg_init_data(
            &message,
            body.baseAddress,
            body.count,
            { bytes, _ in free(bytes) },
            nil
        )
        precondition(status == 0, "no memory for a message")
        return sendRest(message)
    }

    /// Sends the last part of a message, of which the first is accepted: so nothing keeps the
    /// library from taking it.
    private func sendRest(_ part: zmq_msg_t) -> SendOutcome {
        var part = part
        while sendMessage(&part) < 0 {
            if zmq_errno() == EINTR { continue }
            let error = ZeroMQError.last("zmq_msg_send")
            zmq_msg_close(&part)
            return .failed(error)
        }
        return .sent
    }

    private func counted(_ body: UnsafeRawBufferPointer) -> zmq_msg_t {
        let headLength = MemoryLayout<CountedHead>.stride
        let place = UnsafeMutableRawPointer.allocate(
            byteCount: headLength + body.count,
            alignment: MemoryLayout<CountedHead>.alignment
        )
        place.storeBytes(
            of: CountedHead(owner: .passRetained(waiting), byteCount: body.count),
            as: CountedHead.self
        )
        if let bytes = body.baseAddress {
            (place + headLength).copyMemory(from: bytes, byteCount: body.count)
        }
        waiting.count.add(body.count, ordering: .relaxed)
        var message = zmq_msg_t()
        let status = zmq_msg_init_data(
            &message,
            place + headLength,
            body.count,
            { _, hint in
                // Called on whichever thread of the library lets go of the message last.
                guard let hint else { return }
                let head = hint.load(as: CountedHead.self)
                head.owner.takeRetainedValue().count.subtract(
                    head.byteCount,
                    ordering: .releasing
                )
                hint.deallocate()
            },
            place
        )
        precondition(status == 0, "no memory for a message")
        return message
    }
}
