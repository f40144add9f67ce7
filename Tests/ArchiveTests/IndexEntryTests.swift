import ArchiveFormat
import CerroTesting
import Log
import Synchronization
import Telemetry
import Testing

@testable import Archive

/// The files of an archive, which count how often one of them is looked at.
private struct CountedFiles: Collection {
    final class Looks: Sendable {
        let count = Atomic(0)
    }

    let files: [ArchiveFile]
    let looks = Looks()

    var startIndex: Int { files.startIndex }
    var endIndex: Int { files.endIndex }

    func index(after place: Int) -> Int { place + 1 }

    subscript(place: Int) -> ArchiveFile {
        looks.count.add(1, ordering: .relaxed)
        return files[place]
    }
}

@Suite("what it takes to enter files into the index")
struct IndexEntryTests {
    // Goal: the index of an archive of ten years is filled in minutes, not in days.
    @Test("to enter each of many files, not all of them are looked at each time")
    func many() throws {
        let rig = try Rig(rotate: .seconds(60))
        var log = AgentLog("alpha", epoch: 1)
        log.declare(.positions, revision: 1, at: start)
        for minute in 0..<24 {
            log.publish(
                [Block(timestamps: [rig.time.now], columns: [.ints([Int64(minute)])])],
                revision: 1,
                at: rig.time.now
            )
            try log.send(to: rig.journal, received: rig.time.now)
            try rig.journal.commit()
            rig.time.now = start + .seconds((minute + 1) * 60)
            try rig.journal.rotateIfDue(at: rig.time.now)
        }
        try rig.seal()
        let files = CountedFiles(files: try rig.archive.directory.files())
        let index = try ArchiveIndex(rig.archive.directory)
        #expect(try index.refresh(files, days: nil).added.count == 24)
        #expect(files.looks.count.load(ordering: .relaxed) <= 4 * files.count)
    }
}
