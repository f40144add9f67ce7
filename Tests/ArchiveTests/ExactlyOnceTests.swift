import ArchiveFormat
import CerroTesting
import Log
import Telemetry
import Testing

@testable import Archive

/// One archive in memory, fed from two logs of agents until it has all of them.
private struct Scenario {
    let disk = SimulatedDisk()
    let time = ManualTimeSource(start)
    var logs: [AgentLog] = []

    init() {
        for instance in ["alpha", "beta"] {
            var log = AgentLog(instance, epoch: 7)
            log.declare(.positions, revision: 1, at: start)
            for step in 1...11 {
                let instant = start + .seconds(step)
                let block = Block(timestamps: [instant], columns: [.ints([log.last + 1])])
                log.publish([block], revision: 1, at: instant)
            }
            log.end(at: start)
            logs.append(log)
        }
    }

    /// The positions of records with rows: all but the declaration and the end.
    var expected: Set<HeldRecord> {
        Set(
            logs.flatMap { log in
                (2..<log.last).map { HeldRecord(instance: log.instance, position: $0) }
            }
        )
    }

    var directory: ArchiveDirectory { ArchiveDirectory("/archive", disk: disk) }

    /// Appends, commits, rotates and seals until all is committed and all but one file sealed.
    ///
    /// `committed` is called after each commit with what counts from now on.
    func run(committed: ([Cursor]) -> Void = { _ in }) throws {
        let (id, _) = try directory.lockForWriting(holder: "test")
        let journal = try JournalWriter(
            directory: directory,
            archive: id,
            settings: JournalSettings(rotate: .seconds(60)),
            time: time
        )
        let sealer = Sealer(directory: directory, time: time)
        for _ in 1...6 {
            for log in logs { try log.send(to: journal, most: 3, received: time.now) }
            try journal.commit()
            committed(journal.cursors)
            time.now = time.now + .seconds(31)
            try sealer.sealAll(openSegment: journal.segmentPath)
        }
    }
}

@Suite("every record is in the archive exactly once")
struct ExactlyOnceTests {
    @Test("when nothing fails")
    func quiet() throws {
        let scenario = Scenario()
        try scenario.run()
        let contents = try ArchiveContents(scenario.directory)
        #expect(Set(contents.records.keys) == scenario.expected)
        #expect(contents.records.values.allSatisfy { $0 == 1 })
        #expect(contents.ledger.isEmpty)
        #expect(scenario.disk.paths.contains { $0.hasSuffix(".cerro") })
    }

    // Goal: the process or the machine dies at any moment of writing or sealing.
    // Method: the k-th call that changes the disk fails, and every later one; then all begins
    // again on what the disk kept, for each k.
    @Test("when everything dies at any step", arguments: [false, true])
    func death(powerCut: Bool) throws {
        let probe = Scenario()
        try probe.run()
        for step in 0..<probe.disk.callCount {
            let scenario = Scenario()
            scenario.disk.become(.dies(after: step))
            var promised: [Cursor] = []
            #expect(throws: ArchiveError.self) { try scenario.run { promised = $0 } }
            if powerCut { scenario.disk.powerCut() } else { scenario.disk.restart() }
            let recovered = try JournalRecovery.recover(scenario.directory).cursors
            for cursor in promised {
                let found = recovered[cursor.instance, cursor.epoch]?.position ?? 0
                #expect(found >= cursor.position, "step \(step) forgot what was committed")
            }
            scenario.time.now = scenario.time.now + .seconds(1)
            try scenario.run()
            let contents = try ArchiveContents(scenario.directory)
            #expect(Set(contents.records.keys) == scenario.expected, "step \(step)")
            #expect(contents.records.values.allSatisfy { $0 == 1 }, "step \(step)")
            #expect(contents.ledger.isEmpty, "step \(step)")
        }
    }

    // Goal: a disk that fails once must not make the writer lose or double anything.
    @Test("when any one step fails and the writer goes on")
    func oneFailure() throws {
        let probe = Scenario()
        try probe.run()
        for step in 0..<probe.disk.callCount {
            let scenario = Scenario()
            scenario.disk.become(.fails(after: step))
            for _ in 0..<3 {
                do {
                    try scenario.run()
                    break
                } catch is ArchiveError {
                    scenario.time.now = scenario.time.now + .seconds(1)
                }
            }
            let contents = try ArchiveContents(scenario.directory)
            #expect(Set(contents.records.keys) == scenario.expected, "step \(step)")
            #expect(contents.records.values.allSatisfy { $0 == 1 }, "step \(step)")
        }
    }
}
