import CerroTesting

@testable import Archive

/// Tests of the journal's writer, on a disk and with a clock that they rule.
protocol WritesJournal {
    var disk: SimulatedDisk { get }
    var time: ManualTimeSource { get }
}

extension WritesJournal {
    var directory: ArchiveDirectory { ArchiveDirectory("/archive", disk: disk) }

    func writer(_ settings: JournalSettings = .init()) throws -> JournalWriter {
        let (id, _) = try directory.lockForWriting(holder: "test")
        return try JournalWriter(
            directory: directory,
            archive: id,
            settings: settings,
            time: time
        )
    }
}
