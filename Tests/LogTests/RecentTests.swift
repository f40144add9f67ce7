internal import CerroTesting
internal import Telemetry
internal import Testing

@testable import Log

@Suite("who follows a log has its newest records from memory")
struct RecentTests {
    /// A log with `count` records, and an archive that has those up to `known` of them.
    private func follow(
        _ count: Int,
        upTo known: Int,
        on bench: Bench
    ) async throws -> (AgentLog, Puller) {
        let log = try await bench.declared()
        var puller = Puller()
        for value in 1...known { try await log.append(Bench.feed, [Bench.block(value)]) }
        try puller.pull(log)
        for value in known..<count { try await log.append(Bench.feed, [Bench.block(value + 1)]) }
        return (log, puller)
    }

    @Test("they are those of the file, without a look at it")
    func same() async throws {
        let bench = Bench()
        let (log, puller) = try await follow(5, upTo: 2, on: bench)
        let answer = try #require(log.fetchAtOnce(puller.request()))
        #expect(answer.count == 3)
        // From the beginning, which is not in memory.
        let all = log.fetch(Puller().request())
        #expect(all.frames.suffix(answer.frames.count) == answer.frames[...])
        bench.disk.damage(try #require(bench.segments.last)) { $0.removeAll() }
        #expect(log.fetchAtOnce(puller.request()) == answer)
        await log.close()
    }

    @Test("who has all of them is told so at once")
    func caughtUp() async throws {
        let (log, puller) = try await follow(2, upTo: 2, on: Bench())
        let answer = try #require(log.fetchAtOnce(puller.request()))
        #expect(answer.count == 0)
        #expect(answer.state == .caughtUp)
        await log.close()
    }

    @Test("an archive that nobody knows yet, another record or an older one need the files")
    func others() async throws {
        let (log, puller) = try await follow(5, upTo: 2, on: Bench())
        #expect(log.fetchAtOnce(Puller(id: "archive-2").request()) == nil)
        var other = puller
        other.crc ^= 1
        #expect(log.fetchAtOnce(other.request()) == nil)
        other = puller
        other.maxBytes = 1
        #expect(log.fetchAtOnce(other.request())?.count == 1)
        let text = String(repeating: "x", count: Limits.recent / 2)
        _ = try await log.declare(Self.texts)
        for _ in 1...5 { try await log.append(Self.texts, [Self.block(text)]) }
        #expect(log.fetchAtOnce(puller.request()) == nil)
        #expect(log.fetch(puller.request()).count == 9)
        await log.close()
    }

    @Test("what a disk has refused to sync is asked of the disk")
    func doubt() async throws {
        let bench = Bench()
        let (log, puller) = try await follow(3, upTo: 2, on: bench)
        #expect(log.fetchAtOnce(puller.request()) != nil)
        bench.disk.become(.full())
        await #expect(throws: LogError.self) {
            try await log.append(Bench.feed, [Bench.block(4)])
            try await log.sync()
        }
        #expect(log.state.withLock { $0.recent.runs.isEmpty })
        await log.abandon()
    }

    private static let texts = Feed("texts", fields: [Field("text", .string)])

    private static func block(_ text: String) -> Block {
        Block(timestamps: [Timestamp(seconds: 1)], columns: [.strings([text])])
    }
}
