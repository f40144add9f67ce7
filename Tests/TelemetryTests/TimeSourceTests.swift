import Glibc
import Telemetry
import Testing

@Suite("the clocks of the machine")
struct TimeSourceTests {
    let time = SystemTimeSource()

    @Test("whoever sleeps goes on at the deadline or later, in whatever order they lay down")
    func order() async throws {
        let start = time.monotonic
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                let deadline = start + .microseconds(number * 7919 % 20_000)
                group.addTask {
                    try await time.sleep(untilMonotonic: deadline)
                    #expect(time.monotonic >= deadline)
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("who is cancelled sleeps no more, whenever that happens", arguments: 0..<100)
    func cancelled(round: Int) async throws {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                do {
                    try await time.sleep(for: .seconds(3600))
                    return false
                } catch { return error is CancellationError }
            }
            for _ in 0..<round % 5 { await Task.yield() }
            group.cancelAll()
            #expect(await group.next() == true)
        }
    }

    @Test("who prefers the clock's thread goes on there after a sleep", .timeLimit(.minutes(1)))
    func sameThread() async throws {
        let (called, sink) = AsyncStream.makeStream(of: UInt.self)
        try await Task(executorPreference: SleepClock.shared) { @concurrent in
            var calls = called.makeAsyncIterator()
            var clock: UInt?
            // Now and then a busy machine has either handed over to another thread.
            repeat {
                _ = time.call(atMonotonic: time.monotonic) { sink.yield(currentThread()) }
                clock = await calls.next()
                try await time.sleep(for: .microseconds(100))
            } while currentThread() != clock
        }.value
    }

    @Test("who blocks the clock's thread holds up nobody")
    func blocked() async throws {
        let isOver = Wakeup()
        let blocked = Task(executorPreference: SleepClock.shared) { @concurrent in
            try await time.sleep(for: .microseconds(100))
            block(until: isOver)
        }
        // Those who sleep, those who are woken together with it, and those who only run.
        try await withThrowingTaskGroup(of: Void.self) { group in
            let deadline = time.monotonic + .milliseconds(1)
            for number in 0..<20 {
                group.addTask(executorPreference: SleepClock.shared) {
                    try await time.sleep(untilMonotonic: deadline + .microseconds(number / 5 * 300))
                    await Task.yield()
                }
            }
            try await group.waitForAll()
        }
        isOver.give()
        try await blocked.value
    }

    @Test("what is called back is not called once that is cancelled")
    func uncalled() async {
        let called = AsyncStream.makeStream(of: Int.self)
        let now = time.monotonic
        let cancel = time.call(atMonotonic: now + .seconds(3600)) { called.continuation.yield(1) }
        cancel()
        _ = time.call(atMonotonic: now + .milliseconds(1)) { called.continuation.yield(2) }
        var calls = called.stream.makeAsyncIterator()
        #expect(await calls.next() == 2)
        cancel()
    }
}

private func currentThread() -> UInt { UInt(pthread_self()) }

private func block(until isOver: Wakeup) { isOver.wait(nanoseconds: nil) }
