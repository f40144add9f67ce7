internal import CerroTesting
internal import Telemetry
internal import Testing

@testable import Log

// Goal: an archive hears the true cause, or that nobody knows; never nothing, never another one.
@Suite("what the log cannot know any more is told as that")
struct DoubtTests {
    private func append(_ range: Range<Int>, to log: AgentLog) async throws {
        for number in range { try await log.append(Bench.feed, [Bench.block(number)]) }
        try? await log.sync()
    }

    /// A spool that has dropped a first epoch, of which an archive has the beginning.
    private func dropped(_ bench: Bench) async throws -> (Puller, AgentLog) {
        let first = try await bench.declared()
        try await append(0..<10, to: first)
        var puller = Puller()
        puller.maxBytes = 1
        try puller.fetch(first)
        try puller.fetch(first)
        puller.commit()
        try puller.fetch(first)
        await first.close()
        let second = try await bench.declared(settings: SpoolTests.small)
        try await append(10..<2000, to: second)
        return (puller, second)
    }

    @Test("what was dropped of an epoch is told when an archive leaves it")
    func leaving() async throws {
        let bench = Bench()
        var (puller, second) = try await dropped(bench)
        let (epoch, after) = (puller.epoch, puller.after)
        puller.losses = []
        let answer = try puller.fetch(second)
        #expect(answer.count == 0 && puller.epoch > epoch)
        #expect(puller.losses.map(\.cause) == ["spool full"])
        // Ten values, a declaration and the end.
        #expect(puller.losses.map(\.positions) == [(after + 1)..<13])
        #expect(puller.losses.map(\.epoch) == [epoch])
        await second.close()
    }

    // Method: an epoch has left the spool; then the table of those that began here is damaged.
    @Test("an epoch that a damaged table may have had is no sign of a rolled-back disk")
    func startsDamaged() async throws {
        let bench = Bench()
        let (puller, second) = try await dropped(bench)
        await second.close()
        bench.disk.damage("spool/starts") { $0 = Array($0.prefix(20)) }
        // The next process remembers that.
        for _ in 0..<2 {
            let log = try await bench.declared(settings: SpoolTests.small)
            let answer = log.fetch(puller.request())
            guard case .gone = answer.state else {
                Issue.record("\(answer.state)")
                return
            }
            #expect(answer.losses.map(\.cause) == [LossCause.doubt, LossCause.doubt])
            #expect(answer.losses.map(\.first) == [puller.after + 1, 1])
            #expect(answer.losses.map(\.epoch) == [puller.epoch, puller.epoch + 1])
            await log.close()
        }
    }

    enum Harm: CaseIterable {
        case flipped, cut, unreadable
    }

    @Test(
        "where the note of what was in memory is damaged, a row says so",
        arguments: Harm.allCases
    )
    func memoryDamaged(harm: Harm) async throws {
        let bench = Bench()
        let first = try await bench.declared()
        try await append(0..<3, to: first)
        let epoch = first.epoch
        bench.disk.become(.full())
        try await append(3..<6, to: first)
        await first.abandon()
        bench.disk.restart()
        let second = try await memoryOnly(bench)
        let isRefusing = Flag()
        bench.disk.damage("spool/memory") { bytes in
            switch harm {
            case .flipped:
                // One bit of each copy.
                let text = Array(LogTables.headline.utf8)
                for place in bytes.indices where bytes[place...].starts(with: text) {
                    bytes[place + text.count + 1] ^= 1
                }
            case .cut: bytes.removeLast()
            case .unreadable: break
            }
        }
        let third = try AgentLog(
            folder: "spool",
            instance: "cryo-1",
            disk: RefusingDisk(disk: bench.disk) { _, path in
                harm == .unreadable && isRefusing.isSet && path == "spool/memory"
            },
            time: bench.clock,
            bootID: "boot-1"
        )
        var puller = Puller()
        try puller.pull(third)
        #expect(puller.values == [0, 1, 2])
        #expect(puller.losses.map(\.cause) == [LossCause.doubt, LossCause.doubt])
        // The rest of the first epoch, and the second, of which nothing else is left.
        #expect(puller.losses.map(\.epoch) == [epoch, epoch + 1])
        #expect(puller.losses.map(\.first) == [5, 1])
        #expect(puller.losses.allSatisfy { $0.count == nil })
        #expect(second < third.epoch)
        await third.close()
    }

    /// The number of an epoch that lived and died in memory.
    private func memoryOnly(_ bench: Bench) async throws -> Int64 {
        bench.disk.become(.full())
        let log = try await bench.declared()
        try await append(6..<8, to: log)
        await log.abandon()
        bench.disk.restart()
        return log.epoch
    }

    // Method: an archive has committed an epoch whose end the power took; then it asks again.
    @Test("what an archive itself has lost is no loss of power", arguments: [false, true])
    func ownLoss(isForgotten: Bool) async throws {
        let bench = Bench()
        let first = try await bench.declared()
        try await append(0..<5, to: first)
        var puller = Puller()
        try puller.pull(first)
        let epoch = first.epoch
        await first.abandon()
        bench.disk.powerCut()
        let second = try await bench.declared(boot: "boot-2")
        try await append(5..<8, to: second)
        try puller.pull(second)
        puller.commit()
        try puller.fetch(second)
        try await append(8..<9, to: second)
        try await eventually("the log's thread has let the first epoch go") {
            second.status.oldestEpoch == second.epoch ? true : nil
        }
        if isForgotten { second.forget(archive: puller.id) }
        (puller.epoch, puller.after, puller.crc) = (epoch, 3, 0)
        puller.committed = (epoch, 3)
        let told = second.fetch(puller.request()).losses
        #expect(told.map(\.cause) == [isForgotten ? LossCause.forgotten : LossCause.committed])
        #expect(told.map(\.first) == [4] && told.map(\.epoch) == [epoch])
        await second.close()
    }

    // Method: records are synced, some more written, some only noted; then the power goes, and the
    // next process drops what is left of the epoch.
    @Test("before what was in memory each part has its own cause")
    func partsBeforeMemory() async throws {
        let bench = Bench(disk: SimulatedDisk(seed: 2))
        let first = try await bench.declared()
        var puller = Puller()
        try puller.fetch(first)
        try await append(0..<3, to: first)
        for number in 3..<8 { try await first.append(Bench.feed, [Bench.block(number)]) }
        bench.disk.become(.full())
        for number in 8..<10 { try await first.append(Bench.feed, [Bench.block(number)]) }
        let epoch = first.epoch
        await first.abandon()
        bench.disk.powerCut()
        let second = try await bench.declared(boot: "boot-2", settings: SpoolTests.small)
        let end = second.state.withLock { $0.end(of: epoch) }
        try await append(10..<2000, to: second)
        puller.losses = []
        try puller.fetch(second)
        let rows = puller.losses.filter { $0.epoch == epoch && $0.count != nil }
        let causes = rows.map { $0.cause.prefix(10) }
        try #require(end < 9, "the power has to take something")
        #expect(causes == ["spool full", "power loss", "kept in me"])
        #expect(rows.map(\.first).dropFirst() == [end + 1, 10])
        await second.close()
    }
}
