internal import Synchronization
internal import Telemetry

extension AgentLog {
    /// Calls `body` once: with true when a record after `position` of `epoch` can be fetched, with
    /// false when that epoch is over, when the log closes, or when the monotonic clock shows
    /// `deadline`.
    ///
    /// It is called at once or on another thread, while the log is locked: it hands over what is to
    /// be done, and neither blocks nor calls the log.
    public func onRecord(
        after position: Int64,
        epoch: Int64,
        until deadline: Duration,
        _ body: @escaping @Sendable (_ isThere: Bool) -> Void
    ) {
        let waiter = RecordWaiter(epoch: epoch, after: position, deadline: deadline, body: body)
        let isThere = state.withLock { state -> Bool? in
            let isThere = state.outcome(of: waiter)
            if isThere == nil { state.recordWaiters.append(waiter) }
            return isThere
        }
        if let isThere { body(isThere) } else { ring(at: deadline) }
    }

    private func ring(at deadline: Duration) {
        alarm.withLock { $0.set(at: deadline, of: time) { [weak self] in self?.endWaits() } }
    }

    /// Ends the waits whose deadline is over; the alarm rings for those that are left.
    private func endWaits() {
        // Cleared first: who begins to wait from here on sets it anew.
        alarm.withLock { $0.clear() }
        let now = time.monotonic
        let next = state.withLock { state in
            state.endWaits(until: now)
            return state.recordWaiters.map(\.deadline).min()
        }
        if let next { ring(at: next) }
    }
}

extension LogState {
    /// Tells those who wait for a record that is there by now, or that will never be.
    mutating func resumeRecordWaiters() {
        if !recordWaiters.isEmpty { endWaits(until: nil) }
    }

    /// Whether what somebody waits for is there, or never will be; nil while nobody knows.
    fileprivate func outcome(of waiter: RecordWaiter) -> Bool? {
        if isClosing || waiter.epoch != epoch { return false }
        return fetchable > waiter.after ? true : nil
    }

    fileprivate mutating func endWaits(until now: Duration?) {
        var waiting: [RecordWaiter] = []
        for waiter in recordWaiters {
            let isOver = now.map { waiter.deadline <= $0 } ?? false
            if let isThere = outcome(of: waiter) ?? (isOver ? false : nil) {
                waiter.body(isThere)
            } else {
                waiting.append(waiter)
            }
        }
        recordWaiters = waiting
    }
}
