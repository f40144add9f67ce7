import Telemetry
import Testing

@testable import Log

@Suite("every byte of the tables of a spool")
struct SpoolTableCorpusTests {
    private let commits = [
        "0123456789abcdef": Commit(Progress(epoch: 5, position: 77)),
        "fedcba9876543210": Commit(
            Progress(epoch: 4, position: 1),
            knownFrom: Progress(epoch: 4, position: 9)
        ),
    ]
    private let epochs = [
        EpochEntry(epoch: 4, bootID: "boot-1", isClosed: true, last: 9),
        EpochEntry(epoch: 5, bootID: "boot-2"),
    ]

    // Goal: a damaged table is the whole one, by its other copy, or none. One that reads as another
    // one would free records that nobody has.
    @Test("damage leaves all of a table or none", arguments: Damage.allCases)
    func bytes(damage: Damage) {
        let tables = (LogTables.encode(commits), LogTables.encode(epochs))
        for place in tables.0.indices {
            var bytes = tables.0
            damage.apply(at: place, to: &bytes)
            let found = LogTables.commits(bytes)
            #expect(found == (isThere(tables.0, in: bytes) ? commits : [:]), "byte \(place)")
        }
        for place in tables.1.indices {
            var bytes = tables.1
            damage.apply(at: place, to: &bytes)
            let found = LogTables.epochs(bytes)
            #expect(found == (isThere(tables.1, in: bytes) ? epochs : []), "byte \(place)")
        }
    }

    /// Whether one of the two copies of a table is as it was written.
    private func isThere(_ table: [UInt8], in bytes: [UInt8]) -> Bool {
        let half = table.count / 2
        return bytes.prefix(half) == table.prefix(half)
            || bytes.count >= table.count && bytes[half..<table.count] == table[half...]
    }
}
