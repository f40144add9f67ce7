internal import CZeroMQ
internal import Glibc

/// The library's threads and the sockets that they serve; one a process is enough.
///
/// A reactor that is given a context terminates it as the last act of its thread.
public final class Context: Sendable {
    // libzmq promises that a context may be used by all threads at once.
    nonisolated(unsafe) let pointer: UnsafeMutableRawPointer

    /// A context with so many I/O threads; one moves about a gigabyte a second.
    ///
    /// - Throws: ``ZeroMQError/exhausted(call:reason:)``.
    public init(ioThreads: Int = 1, mostSockets: Int = 8_192) throws(ZeroMQError) {
        guard let pointer = zmq_ctx_new() else { throw .last("zmq_ctx_new") }
        self.pointer = pointer
        zmq_ctx_set(pointer, ZMQ_IO_THREADS, Int32(ioThreads))
        zmq_ctx_set(pointer, ZMQ_MAX_SOCKETS, Int32(mostSockets))
    }

    /// Waits until all sockets are closed and have sent what they hold, at most their linger.
    func terminate() {
        while zmq_ctx_term(pointer) != 0, zmq_errno() == EINTR {}
    }
}
