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
}
