internal import ArchiveFormat
internal import CerroTesting
internal import Synchronization
internal import Telemetry
internal import Testing

@testable import Log

@Suite("a log outlives its disk's faults without losing or doubling a record")
struct FaultTests {
    /// Appends `range`, one record each.
    private func append(_ range: Range<Int>, to log: AgentLog) async throws {
        for number in range { try await log.append(Bench.feed, [Bench.block(number)]) }
    }

    @Test("while the disk is full records stay in memory, can be fetched, and are written later")
    func fullDisk() async throws {
        let bench = Bench()
        let log = try await bench.declared()
        _ = try await log.declare(Bench.durable)
        try await append(0..<10, to: log)
        bench.disk.become(.full())
        try await append(10..<20, to: log)
        try await log.append(Bench.durable, [Bench.block(20)])
        #expect(bench.told.wentToMemory == 1)
        var puller = Puller()
        try puller.pull(log)
        #expect(puller.values == (0...20).map(Int64.init))
        await #expect(throws: LogError.self) { try await log.sync() }
        bench.disk.become(.fine)
        try await log.sync()
        #expect(bench.told.recovered == 1)
        try await append(21..<30, to: log)
        try puller.pull(log)
        #expect(puller.values == (0..<30).map(Int64.init))
        await log.close()
        #expect(bench.told.published("counter") == 32)
        let next = try bench.open()
        var other = Puller(id: "other")
        try other.pull(next)
        #expect(other.values == (0..<30).map(Int64.init))
        #expect(other.losses.isEmpty && other.undeclared == 0)
        await next.close()
    }

    @Test("nobody has to ask: what is written is synced, and a disk that failed is tried again")
    func intervals() async throws {
        let bench = Bench()
        let settings = AgentLog.Settings(syncInterval: .milliseconds(2))
        let log = try bench.open(settings: settings, time: SystemTimeSource())
        _ = try await log.declare(Bench.feed)
        let (synced, sync) = AsyncStream<Void>.makeStream()
        bench.disk.onNextSync { sync.finish() }
        try await append(0..<2, to: log)
        for await _ in synced {}
        bench.disk.become(.full())
        try await append(2..<5, to: log)
        await bench.told.recovery { bench.disk.become(.fine) }
        var puller = Puller()
        try puller.pull(log)
        #expect(puller.values == [0, 1, 2, 3, 4])
        await log.close()
    }

    @Test("memory has a limit, and only then append throws")
    func memoryLimit() async throws {
        let bench = Bench()
        let log = try bench.open(settings: AgentLog.Settings(queueLimit: 1000, memoryLimit: 3000))
        _ = try await log.declare(Bench.feed)
        bench.disk.become(.broken)
        var accepted = 0
        var refusal: LogError?
        while refusal == nil, accepted < 1000 {
            do throws(LogError) {
                try await log.append(Bench.feed, [Bench.block(accepted)])
                accepted += 1
            } catch {
                refusal = error
            }
        }
        guard case .memoryFull("spool", let byteCount, _)? = refusal else {
            Issue.record("\(accepted) accepted, then \(String(describing: refusal))")
            return
        }
        #expect((3000..<3100).contains(byteCount))
        bench.disk.become(.fine)
        try await log.sync()
        var puller = Puller()
        try puller.pull(log)
        #expect(puller.values == (0..<accepted).map(Int64.init))
        await log.close()
    }

    @Test("what closing cannot write is counted")
    func closesBroken() async throws {
        let bench = Bench()
        let log = try await bench.declared()
        bench.disk.become(.full())
        try await append(0..<3, to: log)
        await log.close()
        guard case .lost(let count, .full)? = bench.told.all.last else {
            Issue.record("no word of the loss: \(bench.told.all)")
            return
        }
        #expect(count == 4)
    }

    @Test("a short write at any byte neither loses nor doubles a record", arguments: 0..<130)
    func shortWrite(length: Int) async throws {
        let bench = Bench()
        let log = try await bench.declared()
        try await append(0..<3, to: log)
        bench.disk.become(.short(length))
        try await log.append(Bench.feed, [Bench.block(3), Bench.block(4)])
        try await log.sync()
        try await append(5..<8, to: log)
        var puller = Puller()
        try puller.pull(log)
        #expect(puller.values == (0..<8).map(Int64.init))
        await log.abandon()
        bench.disk.restart()
        let next = try bench.open()
        var other = Puller(id: "other")
        try other.pull(next)
        #expect(other.values == (0..<8).map(Int64.init))
        #expect(other.losses.isEmpty && other.undeclared == 0)
        await next.close()
    }

    @Test("what a failed sync leaves in doubt is written once more")
    func failedSync() async throws {
        let bench = Bench()
        let log = try bench.open(settings: AgentLog.Settings(segmentSize: 500))
        _ = try await log.declare(Bench.feed)
        try await append(0..<5, to: log)
        try await log.sync()
        try await append(5..<30, to: log)
        bench.disk.become(.failsToSync)
        await #expect(throws: LogError.self) { try await log.sync() }
        try await log.sync()
        try await append(30..<40, to: log)
        try await log.sync()
        await log.abandon()
        bench.disk.powerCut()
        let next = try bench.open()
        var puller = Puller()
        try puller.pull(next)
        #expect(puller.values == (0..<40).map(Int64.init))
        #expect(puller.losses.isEmpty && puller.undeclared == 0)
        await next.close()
    }

    @Test("a last record that is torn at any byte is not a record, and what precedes it is whole")
    func tornTail() async throws {
        let bench = Bench()
        let log = try await bench.declared()
        try await append(0..<4, to: log)
        let whole = bench.disk.bytes(of: bench.segments[0])
        try await append(4..<5, to: log)
        await log.abandon()
        bench.disk.restart()
        let path = bench.segments[0]
        let bytes = bench.disk.bytes(of: path)
        for length in whole.count..<bytes.count {
            bench.disk.set(Array(bytes[..<length]), of: path)
            let next = try bench.open()
            var puller = Puller()
            try puller.pull(next)
            #expect(puller.values == [0, 1, 2, 3], "torn at \(length)")
            #expect(puller.epoch == next.epoch)
            await next.abandon()
            bench.disk.restart()
        }
    }

    @Test("damage in the middle is skipped and entered as a loss of so many records")
    func damage() async throws {
        let bench = Bench()
        let log = try await bench.declared()
        try await append(0..<20, to: log)
        await log.close()
        var bytes = bench.disk.bytes(of: bench.segments[0])
        for offset in (bytes.count / 2)..<(bytes.count / 2 + 100) { bytes[offset] ^= 0x55 }
        bench.disk.set(bytes, of: bench.segments[0])
        let next = try bench.open()
        var puller = Puller()
        try puller.pull(next)
        let missing = 20 - puller.values.count
        #expect((1...4).contains(missing))
        #expect(puller.losses.map(\.count) == [Int64(missing)])
        #expect(puller.losses.map(\.cause) == ["damage in the spool"])
        #expect(puller.losses.allSatisfy { $0.from < $0.to })
        await next.close()
    }

    @Test("an archive that has other records, or later ones, starts a new epoch")
    func diverged() async throws {
        for (after, crc) in [(Int64(3), UInt32(12345)), (99, 0)] {
            let bench = Bench()
            let log = try await bench.declared()
            try await append(0..<5, to: log)
            let epoch = log.epoch
            var puller = Puller()
            puller.epoch = epoch
            puller.after = after
            puller.crc = crc
            #expect(try puller.fetch(log).state == .diverged(nextEpoch: log.epoch))
            #expect(log.epoch > epoch)
            try await append(5..<8, to: log)
            try puller.pull(log)
            #expect(puller.values == [5, 6, 7])
            #expect(puller.undeclared == 0)
            var other = Puller(id: "other")
            try other.pull(log)
            #expect(other.values == (0..<8).map(Int64.init))
            #expect(other.losses.isEmpty)
            await log.close()
            #expect(
                bench.told.all.contains { if case .diverged = $0 { true } else { false } }
            )
        }
    }
}
