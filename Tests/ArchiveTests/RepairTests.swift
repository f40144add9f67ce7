import ArchiveFormat
import CerroTesting
import Foundation
import Log
import MessagePack
import Telemetry
import Testing

@testable import Archive

@Suite("a repair keeps all that can be read, and tells what is lost")
struct RepairTests {
    private func repair(
        _ directory: ArchiveDirectory,
        _ paths: [String] = [],
        isDryRun: Bool = false
    ) throws -> [RepairedFile] {
        try ArchiveTool.repair(
            directory,
            paths,
            isDryRun: isDryRun,
            holder: "test repair",
            now: start + .seconds(9999)
        )
    }

    /// Each place of a file that a repair can do without, and what is lost with it.
    static let places = [
        "times", "position", "x", "note", "on", "roll-up", "head", "last footer", "first footer",
        "unreadable payload",
    ]

    private func offset(of place: String, in sealed: SealedFile) throws -> Int {
        let footer = sealed.footer
        let mixed = try #require(footer.timelines.first { $0.feed.name == "mixed" }).groups[0]
        switch place {
        case "times": return mixed.times.offset
        case "roll-up": return try #require(mixed.rollups[0].columns[1]).numbers[0].offset
        case "head": return 0
        case "last footer": return sealed.byteCount - 60
        case "first footer":
            let bytes = try Data(contentsOf: URL(fileURLWithPath: sealed.path))
            let magic = try #require(bytes.range(of: Data(SealedLayout.closingMagic)))
            return magic.lowerBound - 60
        case "unreadable payload": return footer.unreadable[0].chunk.offset
        default:
            let field = SmallArchive.mixed.fields.firstIndex { $0.name == place }
            return mixed.columns[try #require(field)].chunk.offset
        }
    }

    // Goal: whatever was answered before a repair is answered after it, and verify is content.
    @Test("one damaged place", arguments: places)
    func one(place: String) throws {
        let archive = try SmallArchive(hasUnreadable: true)
        let file = try archive.sealed()[1]
        let old = try archive.open(file)
        let damaged = try offset(of: place, in: old)
        try archive.rig.archive.damage(file.path) { $0[damaged] ^= 1 }
        let bytes = try archive.bytes(file.path)
        archive.rig.lock.unlock()
        let before = try archive.rig.answersOnce()
        #expect(try repair(archive.directory, isDryRun: true)[1].outcome == .wouldBeRepaired)
        #expect(try archive.bytes(file.path) == bytes)

        let store = try archive.rig.store()
        _ = try Answers(store)
        let reports = try repair(archive.directory)
        let kept = file.path + ".damaged"
        #expect(reports.map(\.outcome) == [.whole, .repaired(kept: kept), .whole])
        #expect(try archive.bytes(kept) == bytes)
        let new = try archive.open(file)
        #expect(new.footer.sources == [file.id, old.footer.id])
        #expect(new.allFlaws().isEmpty)
        let lines = try problems(of: archive)
        #expect(lines.isEmpty)

        try store.refresh()
        let after = try Answers(store)
        #expect(after.mixed == before.mixed)
        #expect(after.positions == before.positions)
        let isColumn = SmallArchive.mixed.fields.map(\.name).contains(place) || place == "times"
        let lost = reports[1].lost
        #expect(lost.count == (isColumn || place == "unreadable payload" ? 1 : 0))
        for row in lost {
            #expect(row.cause.hasPrefix("damage: \(file.path): chunk at byte \(damaged) of "))
            #expect(row.count == (isColumn ? 30 : 1))
            #expect(after.gaps.contains(row))
        }
        if place == "unreadable payload" {
            // Its row says damage now; there are never two about one record.
            #expect(new.footer.unreadable.isEmpty)
            #expect(after.gaps.count == before.gaps.count)
        } else {
            #expect(Set(after.gaps) == Set(before.gaps))
        }
        #expect(store.problems.isEmpty)
        #expect(try repair(archive.directory)[1].outcome == .whole)
    }

    private func problems(of archive: SmallArchive) throws -> [String] {
        var lines: [String] = []
        _ = try ArchiveTool.verify(archive.directory) { lines.append($0) }
        // Records that nobody can decode are no damage, but verify tells them in journals.
        return lines.filter { !$0.contains("cannot be decoded") }
    }

    @Test("it waits for nobody: a writer has the archive, or a file is none, in one sentence")
    func refused() throws {
        let archive = try SmallArchive()
        #expect {
            _ = try repair(archive.directory)
        } throws: { error in
            "\(error)".contains("held by test writer; only one may write here: stop the other one")
        }
        archive.rig.lock.unlock()
        let file = try archive.sealed()[0]
        try archive.rig.archive.damage(file.path) { $0 = Data($0.prefix(100)) }
        let reports = try repair(archive.directory, [file.path, "2026/11/21/x.cerro"])
        guard case .refused(let first) = reports[0].outcome,
            case .refused(let second) = reports[1].outcome
        else {
            Issue.record("\(reports)")
            return
        }
        #expect(first.hasPrefix("\(file.path): no magic at byte 92: this is no sealed file"))
        #expect(first.hasSuffix("The file is as it was"))
        #expect(second.hasPrefix("2026/11/21/x.cerro: no sealed file of this archive"))
        #expect(try archive.bytes(file.path).count == 100)
    }

    /// A sealed file of five records that nobody could decode: a declaration, three with a row
    /// each, and rubbish.
    private func writeUnreadable(to output: BufferedFile, _ file: ArchiveFile) throws {
        var log = AgentLog("alpha", epoch: 1)
        log.declare(.positions, revision: 1, at: start)
        for row in [3, 1, 2] {
            let instant = start + .seconds(row)
            log.publish(
                [Block(timestamps: [instant], columns: [.ints([Int64(row)])])],
                revision: 1,
                at: instant
            )
        }
        log.addRubbish()
        var footer = SealedFooter(
            id: "old",
            archive: "a",
            created: start,
            sources: [file.id],
            receivedFrom: start,
            receivedTo: start
        )
        for position in 2...5 {
            footer.ledger.append(
                LedgerEntry(
                    instance: "alpha",
                    feed: nil,
                    from: start,
                    to: start,
                    count: 1,
                    cause: "unreadable: too new",
                    epoch: position == 3 ? nil : 1,
                    first: position == 3 ? nil : Int64(position)
                )
            )
        }
        var builder = try SealedFileBuilder(footer) { try output.write($0) }
        for (index, frame) in log.frames.enumerated() {
            try frame[12...].withUnsafeBytes { payload in
                try builder.add(
                    unreadable: payload,
                    instance: "alpha",
                    epoch: 1,
                    position: Int64(index + 1),
                    received: start,
                    reason: "too new"
                )
            }
        }
        _ = try builder.finish()
        try output.finish()
    }

    // Goal: records that an older version could not decode become rows.
    // Method: such a file is made: the records of a feed stand in it as unreadable ones, beside
    // one that nobody can decode.
    @Test("what can be decoded now becomes rows, and its rows of the ledger go")
    func decoded() throws {
        let disk = SimulatedDisk()
        let directory = ArchiveDirectory("/archive", disk: disk)
        let file = ArchiveFile.segment(created: start).sealed
        try disk.createFolder("/archive/\(file.day)")
        try writeUnreadable(to: BufferedFile(try disk.open(directory.full(file), .create)), file)

        let report = try repair(directory)[0]
        #expect(report.outcome == .repaired(kept: file.path + ".damaged"))
        #expect(report.decodedRows == 3)
        #expect(report.lost.isEmpty)
        let sealed = try SealedFile.open(directory.full(file), disk: disk)
        #expect(sealed.footer.unreadable.map(\.position) == [5])
        #expect(sealed.footer.ledger.map(\.first) == [5])
        let rows = try sealed.columns(sealed.footer.timelines[0], fields: [0], range: .allOfTime)
        #expect(rows.columns == [Column(.ints([1, 2, 3]))])
        #expect(sealed.footer.declarations.map(\.revision) == [1])
        #expect(try repair(directory)[0].outcome == .whole)
    }
}

@Suite("a repair may die at any step")
struct RepairDeathTests {
    /// A file with a damaged column on a disk in memory.
    private struct Stage {
        let disk = SimulatedDisk()
        let file = ArchiveFile.segment(created: start).sealed
        let damaged: [UInt8]
        var directory: ArchiveDirectory { ArchiveDirectory("/archive", disk: disk) }

        init() throws {
            try disk.createFolder("/archive/\(file.day)")
            let path = "/archive/\(file.path)"
            let handle = try disk.open(path, .create)
            let output = BufferedFile(handle)
            var builder = try SealedFileBuilder(
                SealedFooter(
                    id: "old",
                    archive: "a",
                    created: start,
                    sources: [file.id],
                    receivedFrom: start,
                    receivedTo: start
                )
            ) { try output.write($0) }
            try builder.add(
                "alpha",
                feed: Feed("f", fields: [Field("x"), Field("n", .int)]),
                epochs: [1],
                times: [1, 2, 3],
                received: [1, 2, 3],
                columns: [.doubles([.nan, 0.1, -0.0]), .ints([7, 8, 9])]
            )
            let footer = try builder.finish()
            try output.finish()
            try disk.syncFolder("/archive/\(file.day)")
            disk.damage(path) { $0[footer.timelines[0].groups[0].columns[1].chunk.offset] ^= 1 }
            damaged = disk.bytes(of: path)
        }

        func repair() throws -> RepairedFile {
            try ArchiveTool.repair(
                directory,
                isDryRun: false,
                holder: "test",
                now: start
            )[0]
        }

        var isRepaired: Bool { disk.bytes(of: "/archive/\(file.path)") != damaged }

        /// Whether what is there is the damaged file, or a new one beside the damaged one.
        func isSafe() throws -> Bool {
            let path = "/archive/\(file.path)"
            if disk.bytes(of: path) == damaged { return true }
            let sealed = try SealedFile.open(path, disk: disk)
            let rows = try sealed.columns(
                sealed.footer.timelines[0],
                fields: [0, 1],
                range: .allOfTime
            )
            return disk.bytes(of: path + ".damaged") == damaged
                && sealed.footer.ledger.map(\.count) == [3]
                && rows.columns[1].presence == [false, false, false]
                && rows.columns[0].count == 3
        }
    }

    @Test("by a death or a power cut, and the next one goes on", arguments: [false, true])
    func death(powerCut: Bool) throws {
        let probe = try Stage()
        let before = probe.disk.callCount
        #expect(try probe.repair().outcome == .repaired(kept: probe.file.path + ".damaged"))
        let calls = probe.disk.callCount - before
        #expect(calls > 8)
        for step in 0..<calls {
            let stage = try Stage()
            stage.disk.become(.dies(after: step))
            if let report = try? stage.repair(), case .repaired = report.outcome {
                Issue.record("step \(step) went unnoticed")
            }
            if powerCut { stage.disk.powerCut() } else { stage.disk.restart() }
            #expect(try stage.isSafe(), "step \(step)")
            switch try stage.repair().outcome {
            case .whole, .repaired: break
            case let outcome: Issue.record("step \(step): \(outcome)")
            }
            #expect(try stage.isSafe(), "step \(step)")
            #expect(stage.isRepaired, "step \(step)")
            let names = try stage.disk.names(in: "/archive/\(stage.file.day)")
            #expect(names.count { $0.contains("damaged") } == 1, "step \(step): \(names)")
        }
    }

    @Test("by any one failure, and the file is as it was or repaired")
    func failure() throws {
        let probe = try Stage()
        let before = probe.disk.callCount
        _ = try probe.repair()
        for step in 0..<(probe.disk.callCount - before) {
            let stage = try Stage()
            stage.disk.become(.fails(after: step))
            _ = try? stage.repair()
            #expect(try stage.isSafe(), "step \(step)")
            _ = try stage.repair()
            #expect(try stage.isSafe(), "step \(step)")
            #expect(stage.isRepaired, "step \(step)")
        }
    }
}
