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
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.recordArrives(after: position, epoch: epoch) }
            group.addTask { try? await self.time.sleep(untilMonotonic: deadline) }
            await group.next()
            group.cancelAll()
        }
    }

    private func recordArrives(after position: Int64, epoch: Int64) async {
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
                    continuation: continuation
                )
                waiting.withLock { $0 = waiter }
                let isOver = state.withLock { state in
                    if state.hasRecord(after: position, epoch: epoch) { return true }
                    state.recordWaiters[id] = waiter
                    return false
                }
                // Cancelled before the handler could see the waiter: nobody will look for it.
                if isOver || Task.isCancelled { waiter.resume() }
            }
        } onCancel: {
            waiting.withLock { $0 }?.resume()
        }
        state.withLock { _ = $0.recordWaiters.removeValue(forKey: id) }
    }
}

extension LogState {
    fileprivate func hasRecord(after position: Int64, epoch: Int64) -> Bool {
        isClosing || epoch != self.epoch || fetchable > position
    }
}
