import Archive
import MessageBus
import Telemetry
import Testing

@testable import Reader

@Suite("The archive's files are one timeline with a known finality")
struct ArchiveSourceTests {
    private let feed = Feed(
        "temps",
        fields: [Field("stage", unit: .kelvin)],
        period: .seconds(1),
        lateness: .seconds(2)
    )

    private func source(_ archive: TemporaryArchive) throws -> ArchiveSource {
        let source = ArchiveSource(directory: archive.path, holder: "test", cache: 1 << 20)
        try source.refresh()
        return source
    }

    private func answer(
        _ source: ArchiveSource,
        _ reduction: Reduction = .none
    ) throws
        -> DataAnswer
    {
        try QueryEngine(archive: source).data(
            DataQuery(
                fields: [FieldPattern("cryo.temps.stage"), FieldPattern("cryo.temps.none")],
                range: at(0)..<at(100),
                reduction: reduction
            ),
            noDeadline
        )
    }

    @Test("before the first refresh a query says that the archive is not open, and what opens it")
    func notOpen() throws {
        let archive = try TemporaryArchive()
        let source = ArchiveSource(directory: archive.path, holder: "test", cache: 1 << 20)
        let error = #expect(throws: QueryError.self) { try source.fields(in: at(0)..<at(1)) }
        #expect(error?.code == .queryFailed)
        #expect("\(try #require(error))".contains("`serve` runs"))
    }

    @Test("what is committed is in the next answer after a refresh")
    func follows() throws {
        let archive = try TemporaryArchive()
        let source = try source(archive)
        #expect(try answer(source).timelines.isEmpty)
        try archive.commit("cryo", feed, block(0, [4, 5, 6]))
        try source.refresh()
        let first = try answer(source)
        #expect(first.fields == ["cryo.temps.stage", "cryo.temps.none"])
        #expect(first.timelines.first?.timestamps == [at(0), at(1), at(2)])
        #expect(first.timelines.first?.fields.map(\.name) == ["cryo.temps.stage"])
        try archive.commit("cryo", feed, block(3, [7]))
        try source.refresh()
        #expect(try answer(source).timelines.first?.timestamps.last == at(3))
        #expect(try answer(source, .buckets(1)).timelines.first?.timestamps == [at(0)])
    }

    @Test("answers are final up to the newest sample less the declared lateness")
    func finality() throws {
        let archive = try TemporaryArchive()
        try archive.commit("cryo", feed, block(0, [4, 5, 6, 7, 8]))
        let timeline = try answer(source(archive)).timelines.first
        #expect(timeline?.finalizedUntil == at(2))
        #expect(timeline?.revision == 0)
    }

    @Test("a sample within the lateness changes nothing that was final, a later one the revision")
    func late() throws {
        let archive = try TemporaryArchive()
        let source = try source(archive)
        try archive.commit("cryo", feed, block(0, [4, 5, 6, 7, 8]))
        try archive.commit("cryo", feed, block(2.5, [4.5]))
        try source.refresh()
        #expect(try answer(source).timelines.first?.revision == 0)
        try archive.commit("cryo", feed, block(0.5, [4.25]))
        try source.refresh()
        let timeline = try answer(source).timelines.first
        #expect(timeline?.revision == 1)
        #expect(timeline?.finalizedUntil == at(2))
        #expect(
            timeline?.timestamps == [at(0), at(0.5), at(1), at(2), at(2.5), at(3), at(4)]
        )
    }

    @Test("while an older epoch is unfinished nothing is final from its beginning on")
    func olderEpoch() throws {
        let archive = try TemporaryArchive()
        let source = try source(archive)
        let (older, newer) = (at(10).nanoseconds, at(50).nanoseconds)
        try archive.commit("cryo", epoch: older, feed, block(12, [4, 5]))
        try archive.commit("cryo", epoch: newer, feed, block(60, [6]))
        try source.refresh()
        #expect(try answer(source).timelines.first?.finalizedUntil == at(8))
        try archive.commit("cryo", epoch: older, feed, block(14, [5.5]))
        try archive.end("cryo", epoch: older)
        try source.refresh()
        let timeline = try answer(source).timelines.first
        #expect(timeline?.finalizedUntil == at(58))
        #expect(timeline?.revision == 1)
        #expect(timeline?.timestamps == [at(12), at(13), at(14), at(60)])
    }

    @Test("integers that became doubles are doubles in one answer")
    func promotion() throws {
        let archive = try TemporaryArchive()
        let ints = Feed("temps", fields: [Field("stage", .int, unit: .kelvin)])
        try archive.commit(
            "cryo",
            epoch: 1,
            ints,
            Block(timestamps: [at(0)], columns: [.ints([4])])
        )
        try archive.commit("cryo", epoch: 2, feed, block(1, [4.5]))
        let timeline = try answer(source(archive)).timelines.first
        guard case .samples(let column) = timeline?.fields.first?.content else {
            Issue.record("no samples")
            return
        }
        #expect(column == .doubles([4.0, 4.5]))
    }

    @Test(
        "values of another type or unit are kept apart, and the answer says so",
        arguments: [
            (Field("stage", .string, unit: .kelvin), Column.strings(["4", "4"]), "string in K"),
            (Field("stage", unit: "mK"), .doubles([4000, 4000]), "double in mK"),
        ],
        [Reduction.none, .buckets(1), .stride(.milliseconds(1))]
    )
    func apart(former: (Field, Column, String), reduction: Reduction) throws {
        let archive = try TemporaryArchive()
        let old = Feed("temps", fields: [former.0])
        let rows = Block(timestamps: [at(0), at(1)], columns: [former.1])
        try archive.commit("cryo", epoch: 1, old, rows)
        try archive.commit("cryo", epoch: 2, feed, block(2, [4.5]))
        // So little at a time that the old values are looked at alone.
        let engine = QueryEngine(archive: try source(archive), pieceValues: 1)
        var query = DataQuery(
            fields: [FieldPattern("cryo.temps.stage")],
            range: at(0)..<at(100),
            reduction: reduction
        )
        let answer = try engine.data(query, noDeadline)
        switch answer.timelines.first?.fields.first?.content {
        case .samples(let column):
            #expect(column == Column(.doubles([0, 0, 4.5]), presence: [false, false, true]))
        case .buckets(let buckets):
            #expect(buckets.count == [1] && buckets.min == .doubles([4.5]))
        case nil: Issue.record("no answer")
        }
        let note = try #require(answer.notes.first)
        #expect(answer.notes.count == 1)
        #expect(note.contains("cryo.temps.stage: 2 values from \(at(0)) to \(at(1))"))
        #expect(note.contains(former.2))

        query.range = at(0)..<at(2)
        query.reduction = .none
        let before = try engine.data(query, noDeadline)
        guard case .samples(let column) = before.timelines.first?.fields.first?.content else {
            Issue.record("the old values cannot be had")
            return
        }
        #expect(column == former.1 && before.notes.isEmpty)
    }

    @Test("rows are counted by the index, by the timestamps of a file, and in the journal alike")
    func counts() throws {
        let archive = try TemporaryArchive()
        try archive.commit("cryo", feed, block(-2, [1, 2, 3, 4, 5]))
        let source = try source(archive)
        let edges = [at(-10), at(0), at(2), at(10)]
        let journal = try source.rowCounts(between: edges) { _ in true }
        #expect(journal.map(\.timeline) == ["cryo.temps"])
        #expect(journal.first?.rows == [2, 2, 1])
        #expect(journal.first?.feed == feed)
        #expect(try source.rowCounts(between: edges) { $0 == "cryo.loads" }.isEmpty)

        try archive.sealAll()
        try source.refresh()
        #expect(try source.rowCounts(between: edges) { _ in true } == journal)
        let whole = try source.rowCounts(between: [at(-10), at(10)]) { _ in true }
        #expect(whole.first?.rows == [5])
    }

    @Test("rows of the ledger come back whole, from the journal and from sealed files")
    func ledger() throws {
        let archive = try TemporaryArchive()
        try archive.commit("cryo", feed, block(0, [1, 2]))
        let lost = LedgerEntry(
            instance: "cryo",
            feed: nil,
            from: at(3),
            to: at(4),
            count: 17,
            cause: "spool full",
            epoch: 1,
            first: 3
        )
        let clock = LedgerEntry(
            kind: .clock,
            instance: "cryo",
            feed: "temps",
            from: at(0),
            to: at(1),
            count: 1,
            cause: "clock 3600 s ahead",
            epoch: 1,
            first: 1
        )
        try archive.commit(lost)
        try archive.commit(clock)
        let source = try source(archive)
        for isSealed in [false, true] {
            if isSealed {
                try archive.sealAll()
                try source.refresh()
            }
            let answer = try answer(source)
            #expect(answer.gaps == [lost], "sealed: \(isSealed)")
            #expect(answer.marks == [clock], "sealed: \(isSealed)")
            #expect(answer.timelines.first?.timestamps == [at(0), at(1)])
        }
    }

    @Test("another reader of the same archive is told who holds it")
    func oneReader() throws {
        let archive = try TemporaryArchive()
        let first = try source(archive)
        let error = #expect(throws: QueryError.self) { try source(archive) }
        #expect(error?.description.contains("test") ?? false)
        _ = try first.fields(in: at(0)..<at(1))
    }
}
