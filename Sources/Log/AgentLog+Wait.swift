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
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                state.withLock { state in
                    // Cancelled before it is registered: nobody will look for it any more.
                    if Task.isCancelled || state.hasRecord(after: position, epoch: epoch) {
                        continuation.resume()
                    } else {
                        state.recordWaiters[id] = RecordWaiter(
                            epoch: epoch,
                            after: position,
                            continuation: continuation
                        )
                    }
                }
            }
        } onCancel: {
            state.withLock { state in
                state.recordWaiters.removeValue(forKey: id)?.continuation.resume()
            }
        }
    }
}

extension LogState {
    fileprivate func hasRecord(after position: Int64, epoch: Int64) -> Bool {
        isClosing || epoch != self.epoch || readable > position
    }
}
