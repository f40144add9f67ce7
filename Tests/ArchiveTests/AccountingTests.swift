import ArchiveFormat
import CerroTesting
import Log
import Telemetry
import Testing

@testable import Archive

/// Records of one row each behind a declaration.
private func log(_ count: Int, epoch: Int64 = 1) -> AgentLog {
    var log = AgentLog("alpha", epoch: epoch)
    log.declare(.positions, revision: 1, at: start)
    for _ in 0..<count { log.add(start + .seconds(log.last)) }
    return log
}

extension AgentLog {
    fileprivate mutating func add(_ instant: Timestamp) {
        let block = Block(timestamps: [instant], columns: [.ints([last + 1])])
        publish([block], revision: 1, at: instant)
    }
}

private func told(_ positions: Range<Int64>, _ cause: String, epoch: Int64 = 1) -> LedgerEntry {
    LedgerEntry(
        instance: "alpha",
        feed: nil,
        from: start + .seconds(positions.lowerBound - 1),
        to: start + .seconds(positions.upperBound - 1),
        count: Int64(positions.count),
        cause: cause,
        epoch: epoch,
        first: positions.lowerBound
    )
}

private func loss(_ positions: Range<Int64>, epoch: Int64) -> RecordLoss {
    RecordLoss(
        epoch: epoch,
        first: positions.lowerBound,
        count: Int64(positions.count),
        from: start,
        to: start + .seconds(1),
        cause: "spool full"
    )
}

/// What a row says, in short.
private struct Row: Hashable {
    let epoch: Int64, positions: Range<Int64>?, cause: String

    init(_ epoch: Int64, _ positions: Range<Int64>?, _ cause: String) {
        self.epoch = epoch
        self.positions = positions
        self.cause = cause
    }

    init(_ entry: LedgerEntry) {
        self.init(entry.epoch ?? 0, entry.positions, entry.cause)
    }
}

@Suite("every position that is missing is named by one row")
struct AccountingTests: WritesJournal {
    let disk = SimulatedDisk()
    let time = ManualTimeSource(start)

    /// The rows, each as often as it is there, by the files alone; then by the sealed files.
    private func rows() throws -> [Row] {
        let open = try allRows()
        try Sealer(directory: directory, time: time).sealAll(openSegment: nil)
        let sealed = try allRows()
        #expect(Set(open) == Set(sealed))
        #expect(sealed.count == Set(sealed).count)
        return sealed
    }

    private func allRows() throws -> [Row] {
        try ArchiveContents(directory).rows.map { Row($0) }
            .sorted {
                ($0.epoch, $0.positions?.lowerBound ?? 0) < (
                    $1.epoch, $1.positions?.lowerBound ?? 0
                )
            }
    }

    @Test("a jump becomes rows for exactly what it passes over, with the causes that are told")
    func causes() throws {
        let journal = try writer()
        let log = log(29)
        try log.send(first: 1, last: 5, to: journal, received: start)
        // Told twice, too far on both sides, and not of all of it.
        let losses = [told(3..<8, "spool full"), told(10..<14, "damage"), told(3..<8, "again")]
        try log.send(first: 16, last: 20, to: journal, received: start, losses: losses)
        try log.send(first: 16, last: 22, to: journal, received: start, losses: losses)
        try journal.commit()
        #expect(
            try rows() == [
                Row(1, 6..<8, "spool full"), Row(1, 8..<10, "no longer in the log"),
                Row(1, 10..<14, "damage"), Row(1, 14..<16, "no longer in the log"),
            ]
        )
        let entries = try ArchiveContents(directory).ledger
        #expect(entries.allSatisfy { $0.from <= $0.to })
        #expect(entries.map(\.from).min() == start + .seconds(4))
        #expect(entries.map(\.to).max() == start + .seconds(15))
    }

    @Test("a loss record is no row of its own where the jump before it told, and a cause where not")
    func sameEpoch() throws {
        let journal = try writer()
        var log = log(9)
        log.lose(loss(4..<7, epoch: 1), at: start + .seconds(10))
        log.add(start + .seconds(11))
        try log.send(first: 1, last: 3, to: journal, received: start)
        try log.send(first: 7, last: 12, to: journal, received: start)
        try journal.commit()
        #expect(try rows() == [Row(1, 4..<7, "spool full")])
    }

    @Test("what was dropped of an older epoch is entered as far as it is not here, and no earlier")
    func olderEpochs() throws {
        let journal = try writer()
        let first = log(9, epoch: 5)
        try first.send(first: 1, last: 4, to: journal, received: start)
        journal.finish(instance: "alpha", epoch: 5)
        var later = log(3, epoch: 9)
        // Before the archive joined; partly here; between, and never seen.
        later.lose(loss(1..<100, epoch: 3), at: start)
        later.lose(loss(1..<8, epoch: 5), at: start)
        later.lose(loss(1..<3, epoch: 7), at: start)
        later.lose(loss(3..<6, epoch: 7), at: start)
        try later.send(to: journal, received: start)
        try journal.commit()
        // Once more, by a process that does not know of them.
        let again = try writer()
        try later.send(first: 1, last: later.last, to: again, received: start)
        try again.commit()
        #expect(
            try rows() == [
                Row(5, 5..<8, "spool full"), Row(7, 1..<3, "spool full"),
                Row(7, 3..<6, "spool full"),
            ]
        )
        #expect(again.cursors.map(\.isFinished) == [true, true, false])
    }

    @Test("what is missing behind the last record of an epoch is entered once, told how often ever")
    func tails() throws {
        let journal = try writer()
        let log = log(9)
        var end = told(7..<8, "power loss, at most 1 s")
        (end.count, end.first) = (nil, 99)
        try log.send(first: 1, last: 6, to: journal, received: start)
        for _ in 0..<3 {
            try [UInt8]().withUnsafeBytes { frames in
                try journal.append(
                    instance: "alpha",
                    epoch: 1,
                    first: 0,
                    count: 0,
                    received: start,
                    frames: frames,
                    losses: [told(7..<9, "damage"), end]
                )
            }
            try journal.commit()
        }
        #expect(
            try rows() == [Row(1, nil, "power loss, at most 1 s"), Row(1, 7..<9, "damage")]
        )
        #expect(try writer().cursors.map(\.isFinished) == [true])
    }

    // Goal: a row and the batch behind it may be parted by any death.
    // Method: the disk dies at each step of a commit that holds both; a new process is told again.
    @Test("a row is there once, whatever dies around it", arguments: [false, true])
    func death(powerCut: Bool) throws {
        var log = log(9)
        log.lose(loss(1..<9, epoch: 0), at: start)
        for step in 0..<40 {
            let stage = AccountingTests()
            func send(_ journal: JournalWriter) throws {
                try log.send(first: 1, last: 3, to: journal, received: start)
                try journal.commit()
                try log.send(
                    first: 6,
                    last: 8,
                    to: journal,
                    received: start,
                    losses: [told(4..<6, "spool full")]
                )
                try journal.commit()
                try log.send(first: 10, last: 11, to: journal, received: start)
                try journal.commit()
            }
            stage.disk.become(.dies(after: step))
            #expect(throws: (any Error).self) {
                try send(try stage.writer())
                // Whoever comes so far has not died in the part that counts.
                for _ in 0..<40 { try stage.disk.createFolder("/other/\(step)") }
                throw DiskError.missing(path: "")
            }
            if powerCut { stage.disk.powerCut() } else { stage.disk.restart() }
            try send(try stage.writer())
            #expect(
                try stage.rows() == [
                    Row(1, 4..<6, "spool full"), Row(1, 9..<10, "no longer in the log"),
                ],
                "step \(step)"
            )
            let contents = try ArchiveContents(stage.directory)
            #expect(contents.records.values.allSatisfy { $0 == 1 }, "step \(step)")
            #expect(contents.records.count == 6, "step \(step)")
        }
    }

    @Test("damage in a journal names exactly the positions that it took, and nothing twice")
    func damage() throws {
        let journal = try writer()
        let log = log(40)
        for last in stride(from: 4, through: 40, by: 4) where last != 24 {
            let losses = last == 28 ? [told(21..<25, "spool full")] : []
            try log.send(
                first: Int64(last) - 3,
                last: Int64(last),
                to: journal,
                received: start,
                losses: losses
            )
            try journal.commit()
        }
        journal.finish(instance: "alpha", epoch: 1)
        try journal.commit()
        let path = directory.full(try #require(try directory.files().first))
        let whole = disk.bytes(of: path)
        for place in stride(from: 0, to: whole.count, by: 7) {
            disk.damage(path) { $0[place] ^= 0x40 }
            defer { disk.set(whole, of: path) }
            let contents = try ArchiveContents(directory)
            var seen = Set(contents.records.keys.map(\.position))
            for row in contents.rows {
                for position in row.positions ?? 0..<0 {
                    #expect(seen.insert(position).inserted, "\(position) twice, byte \(place)")
                }
            }
            // The declaration has no row; what is behind the damage only the next opening tells.
            let end = seen.max() ?? 0
            #expect(seen.union([1]) == Set(1...max(end, 1)), "byte \(place)")
        }
    }
}
