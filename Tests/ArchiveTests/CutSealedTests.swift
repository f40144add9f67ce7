import ArchiveFormat
import CerroTesting
import Foundation
import Log
import SiteConfig
import Telemetry
import Testing

@testable import Archive

/// Two sealed files that are long enough for parts of their footers, and an open segment.
private struct LongArchive {
    static let feed = Feed("notes", fields: [Field("n", .int), Field("text", .string)])
    static let instances = (1...12).map { "dome-\($0 + 10)" }
    static let rows = 20

    let rig: Rig
    /// The first segment as it was before it was sealed.
    let segment: Data
    var directory: ArchiveDirectory { rig.archive.directory }

    init() throws {
        rig = try Rig(rotate: .seconds(60))
        var random = SeededGenerator(seed: 11)
        var logs = Self.instances.map { AgentLog($0, epoch: 1) }
        for place in logs.indices { logs[place].declare(Self.feed, revision: 1, at: start) }
        for segment in 0..<3 {
            for place in logs.indices {
                for row in 0..<Self.rows {
                    let instant = start + .seconds(segment * 60 + row)
                    let text = String(
                        (0..<160).map { _ in
                            Character(Unicode.Scalar(UInt8.random(in: 48..<112, using: &random)))
                        }
                    )
                    logs[place].publish(
                        [
                            Block(
                                timestamps: [instant],
                                columns: [.ints([Int64(row)]), .strings([text])]
                            )
                        ],
                        revision: 1,
                        at: instant
                    )
                }
                try logs[place].send(to: rig.journal, received: start + .seconds(segment * 60 + 30))
            }
            try rig.journal.commit()
            guard segment < 2 else { break }
            rig.time.now = start + .seconds((segment + 1) * 60)
            try rig.journal.rotateIfDue(at: rig.time.now)
        }
        let first = try #require(try rig.archive.directory.files().first)
        segment = try Data(contentsOf: URL(fileURLWithPath: rig.archive.directory.full(first)))
        try rig.seal()
    }

    /// The first sealed file.
    func file() throws -> ArchiveFile {
        try #require(try directory.files().first { $0.kind == .sealed })
    }

    func bytes(_ path: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: "\(directory.path)/\(path)"))
    }

    func put(_ bytes: Data, at path: String) throws {
        try bytes.write(to: URL(fileURLWithPath: "\(directory.path)/\(path)"), options: .atomic)
    }

    /// What a store that leaves no index behind answers.
    func answersOnce() throws -> LongAnswers {
        defer { ArchiveIndex.delete("\(directory.path)/index.sqlite") }
        return try LongAnswers(rig.store())
    }

    /// How many rows of each instance the groups of `footer` have that begin before byte `end`.
    static func rows(of footer: SealedFooter, before end: Int) -> [String: Int] {
        footer.timelines.reduce(into: [:]) { rows, timeline in
            for group in timeline.groups where group.times.offset < end {
                rows[timeline.instance, default: 0] += group.rows
            }
        }
    }
}

/// The rows of each instance, and the gaps.
private struct LongAnswers: Equatable {
    var slices: [String: TimelineSlice] = [:]
    var gaps: [LedgerEntry]

    init(_ store: ArchiveStore) throws {
        for instance in LongArchive.instances {
            slices[instance] = try store.timeline(
                instance: instance,
                feed: "notes",
                fields: ["n", "text"],
                range: .allOfTime
            )
        }
        gaps = try store.gaps(in: .allOfTime)
    }

    func rows(_ instance: String) -> Int { slices[instance]?.timestamps.count ?? 0 }
}

@Suite("a sealed file that was cut behind parts of its footer")
struct CutSealedTests {
    // Goal: what stands before the cut is answered, and all else is in the ledger, sample by sample
    // where an index has seen the whole file.
    // Method: cuts at every 1/64, forwards, backwards and by chance, then the whole file again.
    @Test(
        "each sample is there or counted, before and while it is served",
        arguments: [false, true]
    )
    func cut(isServed: Bool) throws {
        let archive = try LongArchive()
        let file = try archive.file()
        let whole = try archive.bytes(file.path)
        let footer = try SealedFile.open(archive.directory.full(file)).footer
        #expect(footer.parts.count > 3)
        let before = try archive.answersOnce()
        let store = isServed ? try archive.rig.store() : nil
        if let store { #expect(try LongAnswers(store) == before) }
        var random = SeededGenerator(seed: 3)
        let cuts = (0..<64).map { whole.count * $0 / 64 }
        for end in cuts + cuts.reversed() + cuts.shuffled(using: &random) {
            try archive.put(whole.prefix(end), at: file.path)
            try store?.refresh()
            let answers = try store.map { try LongAnswers($0) } ?? archive.answersOnce()
            let known = footer.parts.last { $0 <= end } ?? 0
            let left = LongArchive.rows(of: footer, before: known)
            for instance in LongArchive.instances {
                let lost = LongArchive.rows - left[instance, default: 0]
                #expect(answers.rows(instance) == before.rows(instance) - lost, "\(end)")
                let gaps = answers.gaps.filter { $0.instance == instance }
                #expect(gaps.allSatisfy { $0.cause.hasPrefix("damage: \(file.path): ") })
                if isServed {
                    #expect(gaps.reduce(0) { $0 + ($1.count ?? 0) } == lost, "\(end)")
                } else if lost > 0 {
                    #expect(gaps.count == 1 && gaps[0].count == nil, "\(end): \(gaps)")
                }
                #expect(
                    lost == 0
                        || gaps.contains { $0.from <= start + .seconds(20) && $0.to > start }
                )
            }
        }
        try archive.put(whole, at: file.path)
        try store?.refresh()
        #expect(try store.map { try LongAnswers($0) } ?? archive.answersOnce() == before)
        #expect(store?.problems.isEmpty ?? true)
    }

    @Test("an index that outlives its reader knows what is lost, and that it is back")
    func restart() throws {
        let archive = try LongArchive()
        let file = try archive.file()
        let whole = try archive.bytes(file.path)
        var store: ArchiveStore? = try archive.rig.store()
        let before = try LongAnswers(try #require(store))
        store = nil
        try archive.put(whole.prefix(whole.count / 2), at: file.path)
        store = try archive.rig.store()
        let cut = try LongAnswers(try #require(store))
        let lost = LongArchive.instances.reduce(0) { $0 + before.rows($1) - cut.rows($1) }
        #expect(lost > 0 && lost < LongArchive.rows * LongArchive.instances.count)
        #expect(cut.gaps.reduce(0) { $0 + ($1.count ?? 0) } == Int64(lost))
        #expect(try #require(store).problems.contains { $0.contains("samples there are lost") })
        var lines: [String] = []
        _ = try ArchiveTool.verify(archive.directory) { lines.append($0) }
        #expect(
            lines.count == 1 && lines[0].contains("`cerro archive repair`, which keeps the rest")
        )
        let listed = try #require(try ArchiveTool.list(archive.directory).first)
        #expect(listed.problem == nil && listed.flaw?.hasPrefix("from byte ") ?? false)
        #expect(try store?.damagedFiles() == 1)
        // What was known before is not looked at again.
        store = nil
        #expect(try archive.rig.store().damagedFiles() == 1)
        try archive.put(whole, at: file.path)
        store = try archive.rig.store()
        #expect(try LongAnswers(try #require(store)) == before)
        #expect(try store?.damagedFiles() == 0)
        #expect(try ArchiveTool.list(archive.directory).allSatisfy { $0.flaw == nil })
    }

    @Test("a repair keeps what is left of it, and enters the rest", arguments: [false, true])
    func repair(isKnown: Bool) throws {
        let archive = try LongArchive()
        let file = try archive.file()
        let whole = try archive.bytes(file.path)
        var store = isKnown ? try archive.rig.store() : nil
        try archive.put(whole.prefix(whole.count / 2), at: file.path)
        try store?.refresh()
        let before = try store.map { try LongAnswers($0) } ?? archive.answersOnce()
        store = nil
        archive.rig.lock.unlock()
        let reports = try ArchiveTool.repair(
            archive.directory,
            isDryRun: false,
            holder: "test repair",
            now: start + .seconds(9999)
        )
        #expect(reports[0].outcome == .repaired(kept: file.path + ".damaged"))
        #expect(Set(reports[0].lost) == Set(before.gaps) && !before.gaps.isEmpty)
        #expect(before.gaps.allSatisfy { ($0.count == nil) != isKnown })
        let after = try archive.answersOnce()
        #expect(after.slices == before.slices)
        #expect(Set(after.gaps) == Set(before.gaps))
        var lines: [String] = []
        _ = try ArchiveTool.verify(archive.directory) { lines.append($0) }
        #expect(lines.isEmpty)
        let again = try SealedFile.open(archive.directory.full(file))
        #expect(again.lost.isEmpty && again.footer.parts.count > 1)
    }

    // Goal: what the first repair entered as lost is not lost once more with the second cut.
    @Test("one that was cut, repaired, cut again and repaired counts each sample that is lost once")
    func twice() throws {
        let archive = try LongArchive()
        let file = try archive.file()
        let before = try LongAnswers(archive.rig.store())
        archive.rig.lock.unlock()
        for _ in 1...2 {
            let whole = try archive.bytes(file.path)
            let parts = try SealedFile.open(archive.directory.full(file)).footer.parts
            try #require(parts.count > 2)
            do {
                let store = try archive.rig.store()
                // The second time it is the index that tells what the first one has cost.
                for end in parts.dropLast().suffix(2).reversed() {
                    try archive.put(whole.prefix(end + 9), at: file.path)
                    try store.refresh()
                    try Self.expectEachOnce(LongAnswers(store), before)
                }
            }
            let reports = try ArchiveTool.repair(
                archive.directory,
                [file.path],
                isDryRun: false,
                holder: "test repair",
                now: start + .seconds(9999)
            )
            #expect(!reports[0].lost.isEmpty)
            try Self.expectEachOnce(LongAnswers(archive.rig.store()), before)
        }
    }

    /// What `answers` lack of what was there `before` is in the ledger, each sample once.
    private static func expectEachOnce(
        _ answers: LongAnswers,
        _ before: LongAnswers,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        for instance in LongArchive.instances {
            let gaps = answers.gaps.filter { $0.instance == instance }
            let told = gaps.reduce(0) { $0 + ($1.count ?? 0) }
            #expect(
                told == before.rows(instance) - answers.rows(instance),
                "\(instance): \(gaps)",
                sourceLocation: location
            )
        }
    }

    @Test("one whose segment is still there costs nothing, and is sealed again")
    func segment() throws {
        let archive = try LongArchive()
        let file = try archive.file()
        let whole = try archive.bytes(file.path)
        let before = try archive.answersOnce()
        try archive.put(whole.prefix(whole.count / 2), at: file.path)
        let journal = file.path.replacingOccurrences(of: ".cerro", with: ".journal")
        try archive.put(archive.segment, at: journal)
        let during = try archive.answersOnce()
        #expect(during.gaps.isEmpty)
        for (instance, slice) in before.slices {
            #expect(during.slices[instance]?.timestamps == slice.timestamps)
            #expect(during.slices[instance]?.columns == slice.columns)
        }
        try archive.rig.seal()
        #expect(try archive.directory.files().contains { $0.path == journal } == false)
        #expect(try archive.answersOnce() == before)
    }

    @Test("a day with one is not compacted: what is lost would be forgotten")
    func compaction() throws {
        let archive = try LongArchive()
        let file = try archive.file()
        let whole = try archive.bytes(file.path)
        try archive.put(whole.prefix(whole.count / 2), at: file.path)
        let time = ManualTimeSource(start + .seconds(90 * 86_400))
        try archive.rig.journal.rotateIfDue(at: time.now)
        try archive.rig.seal()
        let compactor = Compactor(
            archive.directory,
            RetentionSettings(),
            reserve: 0,
            time: time,
            limits: CompactionLimits()
        )
        let outcome = compactor.compact(file.day).outcome
        #expect("\(outcome)".contains("the samples there are lost with it"), "\(outcome)")
        #expect(try archive.bytes(file.path) == whole.prefix(whole.count / 2))
    }

    @Test("of two footers that are damaged far apart, what stands between them is counted")
    func middle() throws {
        let archive = try LongArchive()
        let file = try archive.file()
        let whole = try archive.bytes(file.path)
        let footer = try SealedFile.open(archive.directory.full(file)).footer
        let store = try archive.rig.store()
        let before = try LongAnswers(store)
        var damaged = whole
        damaged[whole.count - 60] ^= 1
        damaged[footer.parts[1] - 60] ^= 1
        try archive.put(damaged, at: file.path)
        try store.refresh()
        // The same length, and another stamp where the trailer was hit.
        damaged[whole.count - 20] ^= 1
        try archive.put(damaged, at: file.path)
        try store.refresh()
        let answers = try LongAnswers(store)
        var lost = 0
        for instance in LongArchive.instances {
            let missing = before.rows(instance) - answers.rows(instance)
            let gaps = answers.gaps.filter { $0.instance == instance }
            #expect(gaps.reduce(0) { $0 + ($1.count ?? 0) } == missing)
            #expect(gaps.allSatisfy { $0.from == start && $0.to > start + .seconds(19) })
            lost += missing
        }
        #expect(lost > 0 && lost < LongArchive.rows * LongArchive.instances.count)
        try archive.put(whole, at: file.path)
        try store.refresh()
        #expect(try LongAnswers(store) == before)
    }
}
