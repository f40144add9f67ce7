import ArchiveFormat
import CerroTesting
import Foundation
import Log
import Synchronization
import Telemetry
import Testing

@testable import Archive

// Goal: whatever the mix of sealed files, encoded rows, plain rows and rows that only the journal
// has, a range answers what a person would find by going through all rows by hand.
// Method: a random archive is written beside a plain list of its rows; random questions are
// answered by both.
@Suite("raw rows of any range equal a naive reference")
struct RawReadingTests {
    /// Limits for rows of open segments: all are kept; few; hardly any.
    static let limits = [64 << 20, 12_000, 2_000]

    @Test("every range, field and limit", arguments: 1...3, limits)
    func ranges(seed: Int, openBytes: Int) throws {
        var archive = try RandomArchive(seed: UInt64(seed))
        let store = try archive.store(openBytes: openBytes)
        for round in 0..<6 {
            try archive.write(records: 60, seals: round == 2 || round == 4)
            try store.refresh()
            for _ in 0..<6 {
                let question = archive.question()
                let difference = try archive.reference(question).difference(question.ask(store))
                #expect(difference == nil, "seed \(seed): \(question)")
            }
        }
        #expect(store.problems.isEmpty)
    }

    @Test("a store that opens on the same files answers the same", arguments: 1...4)
    func reopened(seed: Int) throws {
        var archive = try RandomArchive(seed: UInt64(100 + seed))
        try archive.write(records: 150, seals: true)
        try archive.write(records: 150, seals: false)
        let store = try archive.store(openBytes: seed % 2 == 0 ? 2_000 : 64 << 20)
        let all = RandomArchive.Question(fields: ["a", "b", "c", "d"], range: .allOfTime)
        #expect(try archive.reference(all).difference(all.ask(store)) == nil)
        let counts = try store.rowCounts(between: archive.edges) { _ in true }
        #expect(counts.map(\.rows) == [archive.counts(between: archive.edges)])
    }

    @Test("threads that ask at once get what one alone gets, from a cache that stays in bounds")
    func threads() throws {
        var archive = try RandomArchive(seed: 7)
        for _ in 0..<4 { try archive.write(records: 200, seals: true) }
        try archive.write(records: 100, seals: false)
        let chunkBytes = 400_000
        let store = try archive.store(openBytes: 4_000, chunkBytes: chunkBytes)
        let questions = (0..<48).map { _ in archive.question() }
        let expected = questions.map { archive.reference($0) }
        let outcomes = try withThreads(8) { thread in
            try questions.indices.map { index in
                let place = (index + thread * 6) % questions.count
                #expect(store.cache.byteCount <= chunkBytes)
                return try expected[place].difference(questions[place].ask(store))
            }
        }
        #expect(outcomes.flatMap(\.self).compactMap(\.self) == [])
        #expect(store.cache.byteCount <= chunkBytes)
    }

    @Test("rows of open segments stay within their limit, and none of them is missing")
    func openLimit() throws {
        var archive = try RandomArchive(seed: 11)
        let limit = 60_000
        let store = try archive.store(openBytes: limit)
        let all = RandomArchive.Question(fields: ["a", "b", "c", "d"], range: .allOfTime)
        for _ in 0..<8 {
            try archive.write(records: 400, seals: false)
            try store.refresh()
            #expect(store.openByteCount <= limit)
        }
        #expect(try archive.reference(all).difference(all.ask(store)) == nil)
    }

    @Test("rows of old segments are encoded before any is left to the journal")
    func encodedFirst() throws {
        let rig = try Rig(rotate: .seconds(60))
        var log = AgentLog("alpha", epoch: 1)
        log.declare(.positions, revision: 1, at: start)
        let store = try ArchiveStore(
            rig.archive.directory,
            holder: "test reader",
            chunkBytes: 1 << 20,
            openBytes: 60_000
        )
        for step in 1...4000 {
            let instant = start + .seconds(step)
            log.publish(
                [Block(timestamps: [instant], columns: [.ints([Int64(step)])])],
                revision: 1,
                at: instant
            )
            guard step % 400 == 0 else { continue }
            try log.send(to: rig.journal, received: rig.time.now)
            try rig.journal.commit()
            rig.time.now = rig.time.now + .seconds(40)
            try store.refresh()
        }
        #expect(try store.positions() == Array(1...4000))
        let timelines = store.state.withLock { $0.segments.flatMap(\.timelines.values) }
        #expect(timelines.count > 4)
        #expect(timelines.contains { !$0.chunks.isEmpty })
        #expect(timelines.allSatisfy { $0.forgotten.rows == 0 })
    }

    // Method: the writer's next segment opens behind fewer records than the one before it holds,
    // as after a power cut; those records come again there, with other values.
    @Test("rows that were not committed count no more, wherever they are kept", arguments: limits)
    func uncommitted(openBytes: Int) throws {
        var archive = try RandomArchive(seed: 13)
        let store = try archive.store(openBytes: openBytes)
        try archive.write(records: 300, seals: false)
        let before = try archive.mark()
        try archive.write(records: 40, seals: false, clockRuns: false)
        try store.refresh()
        try archive.lose(since: before)
        try archive.write(records: 60, seals: false)
        try store.refresh()
        let all = RandomArchive.Question(fields: ["a", "b", "c", "d"], range: .allOfTime)
        #expect(try archive.reference(all).difference(all.ask(store)) == nil)
    }
}

/// The results of `body` on so many threads at once.
func withThreads<Result: Sendable>(
    _ count: Int,
    _ body: @escaping @Sendable (Int) throws -> Result
) throws -> [Result] {
    let results = Results<Result>()
    DispatchQueue.concurrentPerform(iterations: count) { thread in
        results.add(.init { try body(thread) })
    }
    return try results.all.map { try $0.get() }
}

/// What threads have found.
private final class Results<Value: Sendable>: Sendable {
    private let found = Mutex<[Result<Value, any Error>]>([])

    func add(_ result: Result<Value, any Error>) { found.withLock { $0.append(result) } }
    var all: [Result<Value, any Error>] { found.withLock { $0 } }
}
