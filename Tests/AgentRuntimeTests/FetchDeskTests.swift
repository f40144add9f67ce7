import CerroTesting
import Log
import Telemetry
import Testing

@testable import AgentRuntime

@Suite("Fetches that wait for records")
struct FetchDeskTests {
    private static let feed = Feed("numbers", fields: [Field("x")])

    @Test("what follows the first record until the next beat comes along, or nothing is waited for")
    func gathering() async throws {
        let folder = try TemporaryFolder()
        let time = ManualTimeSource()
        let log = try AgentLog(
            folder: folder.path,
            instance: "a",
            settings: AgentLog.Settings(),
            disk: SystemDisk(),
            time: time,
            bootID: "boot",
            onEvent: { _ in }
        )
        _ = try await log.declare(Self.feed)
        let desk = try FetchDesk(log: log, time: time)
        let answers = AsyncStream.makeStream(of: (count: Int, at: Duration).self)
        var told = answers.stream.makeAsyncIterator()
        func fetch(after position: Int64, wait: Duration = .seconds(1), gather: Duration) {
            let request = FetchRequest(
                archive: "north",
                epoch: log.epoch,
                after: position,
                crc: 0,
                committedEpoch: 0,
                committedPosition: 0,
                maxBytes: 1 << 20
            )
            desk.fetch(request, wait: wait, gather: gather) { answer in
                answers.continuation.yield((Int(answer.count), time.monotonic))
            }
        }
        /// Returns when the desk has begun to wait for what was asked before.
        func waits() async {
            fetch(after: log.newestPosition, wait: .zero, gather: .zero)
            #expect(await told.next()?.count == 0)
        }
        func publish(_ x: Double) async throws {
            let block = Block(timestamps: [time.now], columns: [.doubles([x])])
            try await log.append(Self.feed, [block])
        }
        fetch(after: 1, gather: .milliseconds(200))
        await waits()
        for x in 1...3 { try await publish(Double(x)) }
        time.jump(by: .milliseconds(39))
        await time.advance(by: .milliseconds(1))
        var answer = try #require(await told.next())
        #expect(answer.count == 3)
        #expect(answer.at == .milliseconds(40))

        fetch(after: 4, gather: .milliseconds(200))
        await waits()
        // Nothing comes: the wait is over at its own time.
        await time.advance(by: .seconds(1))
        answer = try #require(await told.next())
        #expect(answer.count == 0)
        #expect(answer.at == .milliseconds(1040))

        fetch(after: 4, gather: .zero)
        await waits()
        try await publish(4)
        answer = try #require(await told.next())
        #expect(answer.count == 1)
        #expect(answer.at == .milliseconds(1040))
        await log.close()
        await desk.close()
    }
}
