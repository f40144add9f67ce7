import CerroTesting
import Log
import Telemetry
import Testing

@testable import AgentRuntime

@Suite("Fetches that wait for records")
struct FetchDeskTests {
    @Test("what follows the first record until the next beat comes along, or nothing is waited for")
    func gathering() async throws {
        let stage = try Stage()
        let time = stage.time
        var told = stage.answers.makeAsyncIterator()
        _ = try await stage.log.declare(Stage.feed)
        stage.fetch(after: 1, gather: .milliseconds(200))
        // Behind what was asked before, which waits by then.
        stage.fetch(after: 1, wait: .zero)
        #expect(await told.next()?.count == 0)
        for _ in 1...3 { try await stage.publish() }
        time.jump(by: .milliseconds(39))
        await time.advance(by: .milliseconds(1))
        var answer = try #require(await told.next())
        #expect(answer.count == 3)
        #expect(answer.at == .milliseconds(40))

        stage.fetch(after: 4, gather: .milliseconds(200))
        stage.fetch(after: 4, wait: .zero)
        #expect(await told.next()?.count == 0)
        // Nothing comes: the wait is over at its own time.
        await time.advance(by: .seconds(1))
        answer = try #require(await told.next())
        #expect(answer.count == 0)
        #expect(answer.at == .milliseconds(1040))

        stage.fetch(after: 4)
        stage.fetch(after: 4, wait: .zero)
        #expect(await told.next()?.count == 0)
        try await stage.publish()
        answer = try #require(await told.next())
        #expect(answer.count == 1)
        #expect(answer.at == .milliseconds(1040))
        await stage.log.close()
        await stage.desk.close()
    }
}

/// A log and the desk that answers from it, on a clock that a test moves.
private struct Stage {
    static let feed = Feed("numbers", fields: [Field("x")])

    let folder: TemporaryFolder
    let time = ManualTimeSource()
    let log: AgentLog
    let desk: FetchDesk
    let answers: AsyncStream<(count: Int, at: Duration)>
    private let sink: AsyncStream<(count: Int, at: Duration)>.Continuation

    init() throws {
        folder = try TemporaryFolder()
        log = try AgentLog(
            folder: folder.path,
            instance: "a",
            settings: AgentLog.Settings(),
            disk: SystemDisk(),
            time: time,
            bootID: "boot",
            onEvent: { _ in }
        )
        desk = try FetchDesk(log: log, time: time)
        (answers, sink) = AsyncStream.makeStream()
    }

    func fetch(after position: Int64, wait: Duration = .seconds(1), gather: Duration = .zero) {
        let request = FetchRequest(
            archive: "north",
            epoch: log.epoch,
            after: position,
            crc: 0,
            committedEpoch: 0,
            committedPosition: 0,
            maxBytes: 1 << 20
        )
        desk.fetch(request, wait: wait, gather: gather) { [sink, time] answer in
            sink.yield((Int(answer.count), time.monotonic))
        }
    }

    func publish() async throws {
        let block = Block(timestamps: [time.now], columns: [.doubles([1])])
        try await log.append(Self.feed, [block])
    }
}
