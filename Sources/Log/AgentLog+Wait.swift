internal import Synchronization
internal import Telemetry

extension AgentLog {
    /// Calls `body` once: when a record after `position` of `epoch` can be fetched, when that epoch
    /// is over, when the log closes, or when the monotonic clock shows `deadline`.
    ///
    /// It is called at once or on another thread, while the log is locked: it hands over what is to
    /// be done, and neither blocks nor calls the log.
    public func onRecord(
        after position: Int64,
        epoch: Int64,
        until deadline: Duration,
        _ body: @escaping @Sendable () -> Void
    ) {
        let waiter = RecordWaiter(epoch: epoch, after: position, deadline: deadline, body: body)
        let waits = state.withLock { state in
            guard !state.isOver(waiter) else { return false }
            state.recordWaiters.append(waiter)
            return true
        }
        if waits { ring(at: deadline) } else { body() }
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
            state.endWaits { $0.deadline <= now }
            return state.recordWaiters.map(\.deadline).min()
        }
        if let next { ring(at: next) }
    }
}

extension LogState {
    /// Tells those who wait for a record that is there by now, or that will never be.
    mutating func resumeRecordWaiters() {
        guard !recordWaiters.isEmpty else { return }
        let (isClosing, epoch, fetchable) = (isClosing, epoch, fetchable)
        endWaits { isClosing || $0.epoch != epoch || fetchable > $0.after }
    }

    fileprivate func isOver(_ waiter: RecordWaiter) -> Bool {
        isClosing || waiter.epoch != epoch || fetchable > waiter.after
    }

    fileprivate mutating func endWaits(where isOver: (RecordWaiter) -> Bool) {
        for waiter in recordWaiters where isOver(waiter) { waiter.body() }
        recordWaiters.removeAll(where: isOver)
    }
}
