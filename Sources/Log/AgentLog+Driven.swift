package import Telemetry

// A log without a thread of its own: the same code, one step at a time, for simulations that
// interleave many logs by a seed.

/// What an admitted record is known by.
package struct Admission: Hashable, Sendable {
    /// Its place in the log: no other record of the instance ever has both.
    package let epoch: Int64, position: Int64
    /// How many records this log had accepted with it, repeated declarations included.
    package let ordinal: Int64
}

extension AgentLog {
    /// How many records the log has written and synced, as ``Admission/ordinal`` counts them.
    ///
    /// `kept` tells how many survive the end of the process or are named as lost by it: those
    /// are written, or noted as being in memory. What ``append(_:_:)`` returns for is kept, unless
    /// the disk takes no note either.
    package var ordinals: (written: Int64, synced: Int64, kept: Int64) {
        state.withLock { ($0.written, $0.synced, max($0.written, $0.kept)) }
    }

    /// Declares a feed as ``declare(_:)`` does, and does not wait for the disk.
    package func admit(_ feed: Feed) throws(LogError) {
        try Self.check(feed)
        let now = time.now
        var revision: Int64 = 0
        _ = try admit { state in state.declare(feed, now, &revision) }
    }

    /// Takes one block as ``append(_:_:)`` does, and does not wait for the disk.
    ///
    /// - Returns: what the record is known by; nil where the queue is full: it has to be written
    ///   first.
    package func admit(_ feed: Feed, _ block: Block) throws(LogError) -> Admission? {
        try Self.check(block, feed)
        let now = time.now
        var blocks = [block][...]
        return try admit { state in state.take(&blocks, of: feed, now) }
    }

    private func admit(
        _ encode: (inout LogState) -> Acceptance
    ) throws(LogError) -> Admission? {
        let (outcome, admission, wakes) = state.withLock { state in
            let outcome = state.attempt(self, encode)
            let admission = Admission(
                epoch: state.epoch,
                position: state.nextPosition - 1,
                ordinal: state.accepted
            )
            return (outcome, admission, state.wakesThread())
        }
        if wakes { wakeup.give() }
        switch outcome {
        case .accepted: return admission
        case .full: return nil
        case .refused(let error): throw error
        }
    }

    /// Does all that a driven log's writer has to do by now, and tells how long it would wait for
    /// more; nil is for ever, or until somebody asks for something.
    ///
    /// A log that has a thread of its own has nothing to do here.
    package func work() -> Duration? { isDriven ? work(on: writer) : nil }
}
