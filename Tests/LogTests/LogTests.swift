internal import ArchiveFormat
internal import CerroTesting
internal import Synchronization
internal import Telemetry
internal import Testing

@testable import Log

@Suite("a log keeps records and answers fetches")
struct LogTests {
    @Test("records come back as they were appended, after their declaration")
    func roundTrip() async throws {
        let bench = Bench()
        let log = try bench.open()
        #expect(try await log.declare(Bench.feed) == 1)
        #expect(try await log.declare(Bench.feed) == 1)
        try await log.append(Bench.feed, [Bench.block(1, 2), Bench.block(3)])
        #expect(log.newestPosition == 3)
        var puller = Puller()
        try puller.pull(log)
        #expect(puller.values == [1, 2, 3])
        #expect(puller.rows.map(\.position) == [2, 2, 3])
        let changed = Feed("counter", fields: [Field("value", .int, unit: "V")])
        #expect(try await log.declare(changed) == 2)
        #expect(try await log.declare(Bench.feed) == 1)
        try await log.append(changed, [Bench.block(4)])
        try puller.pull(log)
        #expect(puller.values == [1, 2, 3, 4])
        await log.close()
        #expect(bench.told.published("counter") == 5)
    }

    @Test("what does not fit is refused whole and by its name")
    func refusals() async throws {
        let log = try Bench().open()
        await #expect(throws: LogError.notDeclared(feed: "counter")) {
            try await log.append(Bench.feed, [Bench.block(1)])
        }
        await #expect(throws: LogError.badDeclaration(.badName("a.b"))) {
            try await log.declare(Feed("a.b", fields: [Field("x")]))
        }
        let texts = Feed("texts", fields: [Field("text", .string)])
        _ = try await log.declare(texts)
        let long = String(repeating: "x", count: Record.longest)
        let block = Block(timestamps: [Timestamp(seconds: 1)], columns: [.strings([long])])
        let fits = Block(timestamps: [Timestamp(seconds: 1)], columns: [.strings(["y"])])
        await #expect(throws: LogError.self) { try await log.append(texts, [fits, block]) }
        #expect(log.newestPosition == 1)
        await log.close()
        await #expect(throws: LogError.closed) { try await log.append(texts, [fits]) }
    }

    @Test("eight appenders at once leave no hole, and each finds its own order")
    func concurrentAppenders() async throws {
        let log = try Bench().open()
        _ = try await log.declare(Bench.feed)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for appender in 0..<8 {
                group.addTask {
                    for number in 0..<100 {
                        try await log.append(Bench.feed, [Bench.block(appender * 1000 + number)])
                    }
                }
            }
            try await group.waitForAll()
        }
        var puller = Puller()
        puller.maxBytes = 1000
        try puller.pull(log)
        #expect(puller.rows.map(\.position) == Array(2...801))
        for appender in 0..<8 {
            let own = puller.values.filter { $0 / 1000 == appender }
            #expect(own == (0..<100).map { Int64(appender * 1000 + $0) })
        }
        await log.close()
    }

    @Test("every segment begins with all declarations, as records in order")
    func rotation() async throws {
        let bench = Bench()
        let log = try bench.open(settings: AgentLog.Settings(segmentSize: 2000))
        _ = try await log.declare(Bench.feed)
        _ = try await log.declare(Bench.durable)
        for number in 0..<200 { try await log.append(Bench.feed, [Bench.block(number)]) }
        #expect(bench.segments.count > 5)
        for path in bench.segments {
            let first = try #require(Segment.parse(String(path.dropFirst(6)))?.first)
            try bench.disk.bytes(of: path).withUnsafeBytes { bytes in
                var scanner = FrameScanner(bytes)
                for revision in 1...Int64(2) {
                    guard case .frame(_, let payload, _)? = scanner.next() else { break }
                    try Record.withRecord(in: payload) { record in
                        #expect(record.header.kind == .declaration)
                        #expect(record.header.revision == revision)
                        #expect(record.header.position == first + revision - 1)
                    }
                }
            }
        }
        var puller = Puller()
        try puller.pull(log)
        #expect(puller.values == (0..<200).map(Int64.init))
        await log.close()
    }

    @Test("a log opened again has a new epoch and serves the old ones to their end")
    func reopening() async throws {
        let bench = Bench()
        var epochs: [Int64] = []
        for run in 0..<3 {
            let log = try bench.open()
            epochs.append(log.epoch)
            _ = try await log.declare(Bench.feed)
            try await log.append(Bench.feed, [Bench.block(run)])
            await log.close()
        }
        #expect(epochs == epochs.sorted() && Set(epochs).count == 3)
        let log = try bench.open()
        var puller = Puller()
        try puller.pull(log)
        #expect(puller.values == [0, 1, 2])
        #expect(puller.ends == 3)
        #expect(puller.losses.isEmpty)
        #expect(puller.epoch == log.epoch)
        await log.close()
    }

    @Test("a fetch takes at least one record and stays within its bytes beyond that")
    func fetchLimits() async throws {
        let log = try Bench().open()
        _ = try await log.declare(Bench.feed)
        try await log.append(Bench.feed, (0..<100).map { Bench.block($0) })
        var puller = Puller()
        puller.maxBytes = 1
        #expect(try puller.fetch(log).count == 1)
        puller.maxBytes = 200
        let answer = try puller.fetch(log)
        #expect(answer.count > 1 && answer.frames.count <= 200)
        #expect(answer.state == .more)
        try puller.pull(log)
        #expect(puller.values == (0..<100).map(Int64.init))
        await log.close()
    }

    @Test("a second holder is refused and told who holds the spool")
    func oneHolder() async throws {
        let bench = Bench()
        let log = try bench.open()
        #expect {
            try bench.open()
        } throws: { error in
            guard case LogError.held(let folder, let holder) = error else { return false }
            return folder == "spool" && holder.contains("pid ")
        }
        await log.close()
        await (try bench.open()).close()
    }

    @Test("append to a durable feed returns when it is synced; others do not wait for that")
    func durable() async throws {
        let bench = Bench()
        let log = try await bench.declared()
        _ = try await log.declare(Bench.durable)
        try await log.append(Bench.feed, [Bench.block(1)])
        let before = bench.disk.syncCount
        try await log.append(Bench.durable, [Bench.block(2)])
        #expect(bench.disk.syncCount > before)
        await log.abandon()
        bench.disk.powerCut()
        let after = try bench.open(boot: "boot-2")
        var puller = Puller()
        try puller.pull(after)
        #expect(puller.values == [1, 2])
        #expect(puller.losses.map(\.cause) == ["power loss, at most 1 s"])
        await after.close()
    }

    @Test("who waits for a record is told of it, of the deadline and of the end of the epoch")
    func waiting() async throws {
        let bench = Bench()
        let time = bench.clock
        let log = try bench.open()
        _ = try await log.declare(Bench.feed)
        let epoch = log.epoch
        let (told, sink) = AsyncStream.makeStream(of: String.self)
        var tidings = told.makeAsyncIterator()
        func wait(_ what: String, after position: Int64, epoch: Int64, seconds: Int) {
            let deadline = time.monotonic + .seconds(seconds)
            log.onRecord(after: position, epoch: epoch, until: deadline) { isThere in
                sink.yield(isThere ? "\(what) is there" : "\(what) came")
            }
        }
        wait("record", after: 1, epoch: epoch, seconds: 9)
        try await log.append(Bench.feed, [Bench.block(1)])
        #expect(await tidings.next() == "record is there")
        wait("the first", after: 1, epoch: epoch, seconds: 9)
        #expect(await tidings.next() == "the first is there")
        wait("end", after: 10, epoch: epoch, seconds: 9)
        wait("deadline", after: 10, epoch: epoch, seconds: 1)
        await time.advance(by: .seconds(1))
        #expect(await tidings.next() == "deadline came")
        wait("another epoch", after: 0, epoch: epoch - 1, seconds: 9)
        #expect(await tidings.next() == "another epoch came")
        await log.close()
        #expect(await tidings.next() == "end came")
    }
}
