internal import Synchronization
internal import Telemetry

extension AgentLog {
    /// Returns when a record after `position` of `epoch` can be fetched, when that epoch is over,
    /// when the monotonic clock shows `deadline`, or when the caller is cancelled.
    public func waitForRecord(
        after position: Int64,
        epoch: Int64,
        until deadline: Duration
    ) async {
        if state.withLock({ $0.hasRecord(after: position, epoch: epoch) }) { return }
        let id = state.withLock { state in
            state.nextWaiterID += 1
            return state.nextWaiterID
        }
        let waiting = Mutex<RecordWaiter?>(nil)
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                let waiter = RecordWaiter(
                    epoch: epoch,
                    after: position,
                    deadline: deadline,
                    continuation: continuation
                )
                waiting.withLock { $0 = waiter }
                let isOver = state.withLock { state in
                    if state.hasRecord(after: position, epoch: epoch) { return true }
                    state.recordWaiters[id] = waiter
                    return false
                }
                // Cancelled before the handler could see the waiter: nobody will look for it.
                if isOver || Task.isCancelled { waiter.resume() } else { ring(at: deadline) }
            }
        } onCancel: {
            waiting.withLock { $0 }?.resume()
        }
        state.withLock { _ = $0.recordWaiters.removeValue(forKey: id) }
    }

    private func ring(at deadline: Duration) {
        alarm.withLock { $0.set(at: deadline, of: time) { [weak self] in self?.endWaits() } }
    }

    /// Ends the waits whose deadline is over; the alarm rings for those that are left.
    private func endWaits() {
        // Cleared first: who begins to wait from here on sets it anew.
        alarm.withLock { $0.clear() }
        let now = time.monotonic
        if let next = state.withLock({ $0.endWaits(by: now) }) { ring(at: next) }
    }
}

extension LogState {
    /// Resumes those who wait until `now` at most; when the next one has to be.
    fileprivate mutating func endWaits(by now: Duration) -> Duration? {
        for (id, waiter) in recordWaiters where waiter.deadline <= now {
            recordWaiters[id] = nil
            waiter.resume()
        }
        return recordWaiters.values.map(\.deadline).min()
    }

    fileprivate func hasRecord(after position: Int64, epoch: Int64) -> Bool {
        isClosing || epoch != self.epoch || readable > position
    }
}
