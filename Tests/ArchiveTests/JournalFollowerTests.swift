import ArchiveFormat
import CerroTesting
import Log
import Telemetry
import Testing

@testable import Archive

@Suite("who follows a journal while it is written")
struct JournalFollowerTests {
    let disk = SimulatedDisk()
    let time = ManualTimeSource(start)
    var directory: ArchiveDirectory { ArchiveDirectory("/archive", disk: disk) }

    private func rig(_ count: Int) throws -> (JournalWriter, AgentLog) {
        let (id, _) = try directory.lockForWriting(holder: "test")
        let journal = try JournalWriter(directory: directory, archive: id, time: time)
        var log = AgentLog("alpha", epoch: 1)
        log.declare(.positions, revision: 1, at: start)
        for _ in 0..<count {
            let instant = start + .seconds(log.last)
            let block = Block(timestamps: [instant], columns: [.ints([log.last + 1])])
            log.publish([block], revision: 1, at: instant)
        }
        return (journal, log)
    }

    private func positions(_ follower: JournalFollower) throws -> [Int64] {
        var positions: [Int64] = []
        try follower.read(isClosed: false) {
            positions.append($0.position)
        } others: { _ in
        }
        return positions
    }

    // Goal: somebody reads between any two bytes that the writer's call puts down.
    @Test("an entry of which a part is there waits for the rest")
    func partial() throws {
        let (journal, log) = try rig(3)
        try log.send(to: journal, most: 2, received: start)
        try journal.commit()
        let path = directory.full(try #require(try directory.files().first))
        let before = disk.bytes(of: path)
        try log.send(to: journal, received: start)
        try journal.commit()
        let after = disk.bytes(of: path)
        for end in before.count...after.count {
            disk.set(Array(after[..<end]), of: path)
            let follower = JournalFollower(try disk.open(path, .read))
            let first = try positions(follower)
            #expect(first == (end < after.count ? [2] : [2, 3, 4]), "\(end)")
            disk.set(after, of: path)
            #expect(first + (try positions(follower)) == [2, 3, 4], "\(end)")
        }
    }

    // Goal: damage hits the last batch of an epoch that has ended; nothing of it follows that would
    // show the hole, and there may be no next segment.
    @Test("what damage takes from the end of an epoch is entered where that is said to be over")
    func endOfEpoch() throws {
        let (journal, log) = try rig(3)
        try journal.commit()
        try log.send(to: journal, received: start)
        try journal.commit()
        let path = directory.full(try #require(try directory.files().first))
        let place = disk.bytes(of: path).count - 1
        journal.finish(instance: "alpha", epoch: 1)
        try journal.commit()
        disk.damage(path) { $0[place] ^= 1 }
        var rows: [LedgerEntry] = []
        try JournalFollower(try disk.open(path, .read)).read(isClosed: true) { _ in
        } others: { event in
            if case .ledger(let row) = event { rows.append(row) }
        }
        #expect(rows.compactMap(\.positions) == [1..<5])
        // And nobody knows whether an epoch stood before that one.
        #expect(rows.map(\.epoch) == [nil, 1])
        #expect(rows.allSatisfy { $0.cause.hasPrefix("damage: ") })
    }

    // Goal: a length that lies must not make who reads live wait for bytes that never come.
    @Test("a damaged length costs its entry, not all that follows", arguments: 4..<8)
    func lyingLength(byte: Int) throws {
        let (journal, log) = try rig(30)
        try log.send(to: journal, most: 10, received: start)
        try journal.commit()
        let path = directory.full(try #require(try directory.files().first))
        let place = disk.bytes(of: path).count
        try log.send(to: journal, most: 10, received: start)
        try journal.commit()
        for change in [0x7F, 0x3F, 0x01] as [UInt8] {
            let whole = disk.bytes(of: path)
            disk.damage(path) { $0[place + byte] ^= change }
            let follower = JournalFollower(try disk.open(path, .read))
            var found = try positions(follower)
            #expect(found.starts(with: 2...10))
            try log.send(to: journal, most: 3, received: start)
            try journal.commit()
            found += try positions(follower)
            let last = try #require(journal.cursor(of: "alpha", epoch: 1)?.position)
            #expect(found.last == last, "byte \(byte), change \(change)")
            #expect(found == found.sorted() && Set(found).count == found.count)
            disk.damage(path) { bytes in
                bytes.replaceSubrange(..<whole.count, with: whole)
            }
        }
    }
}
