import Aggregator
import ArchiveFormat
import CerroTesting
import Log
import Telemetry

@testable import Archive

/// An aggregator on a host of its own: the desk of its journal, and its sealer.
final class SimulatedArchive {
    let disk: SimulatedDisk
    let clock: SimulatedClock
    let directory: ArchiveDirectory
    private let schedule: Schedule
    private(set) var id = ""
    private var desk: JournalDesk?
    /// What was asked for and may still be answered.
    private var asked: [Int64: FetchRequest] = [:]
    /// Until when each instance is waited for, or left alone.
    private var pauses: [Int: Duration] = [:]
    private var isSealingDue = true
    private var nextID: Int64 = 0
    /// The first record of each instance that this archive is to have.
    private(set) var joined: [String: (epoch: Int64, position: Int64)] = [:]
    /// The first record of each that it was ever told of, though it may not have been able to write
    /// that down and joined again: its ledger may go back to there.
    private(set) var met: [String: (epoch: Int64, position: Int64)] = [:]
    /// The step at which the process comes back, goes on, its disk heals, its network is there.
    var returns: Int?, wakes: Int?, heals: Int?, connects: Int?
    private(set) var notes: [String] = []
    /// The records that were in files of which something is not as it was written.
    private(set) var hit: Set<Int64> = []
    /// The same of those that were hit more than once: where the beginning of a journal and the
    /// first batch in it are damaged, nobody knows whether something was before the second.
    private(set) var hitAgain: Set<Int64> = []
    /// Those files, and the rows of the ledger that were in them.
    private(set) var hitFiles: Set<String> = []
    private(set) var hitLedger: Set<LedgerEntry> = []
    private var hitRows: [String: [Int64]] = [:]

    init(_ number: Int, _ schedule: Schedule, _ time: SimulatedTime) {
        disk = SimulatedDisk(seed: ~schedule.seed &+ UInt64(number))
        clock = SimulatedClock(time)
        directory = ArchiveDirectory("/archive", disk: disk)
        self.schedule = schedule
    }

    /// Starts the process; stays away where the disk does not let it.
    func start() {
        guard desk == nil else { return }
        asked = [:]
        pauses = [:]
        isSealingDue = true
        do throws(ArchiveError) {
            let desk = try JournalDesk(
                directory: directory,
                settings: JournalSettings(
                    rotate: .seconds(schedule.site.rotate),
                    maxSize: schedule.site.journal
                ),
                holder: "simulation",
                time: clock
            )
            self.desk = desk
            id = desk.archive
            // Who had joined and not committed joins again.
            joined = joined.filter { desk.cursor(of: $0.key) != nil }
        } catch {
            note("stays away: \(error)")
        }
    }

    func isAlive() -> Bool {
        if disk.isDead { kill() }
        return desk != nil
    }

    func kill() {
        desk = nil
        disk.restart()
    }

    func close() {
        do throws(ArchiveError) { try desk?.close() } catch { note("\(error)") }
        kill()
    }

    func cutPower() {
        kill()
        disk.powerCut()
    }

    /// Damages one of the journals and sealed files.
    func rot(isCut: Bool, _ random: inout SeededGenerator) {
        let isMeant: (String) -> Bool = { $0.hasSuffix(".journal") || $0.hasSuffix(".cerro") }
        // The disk itself may refuse to be read, or have died.
        let copy = SimulatedDisk()
        copy.restore(disk.snapshot())
        let whole = ArchiveDirectory("/archive", disk: copy)
        func hit(_ path: String, _ bytes: [UInt8], _ offset: Int) {
            var reading = ArchiveReading()
            if let file = (try? whole.files())?.first(where: { whole.full($0) == path }) {
                try? reading.add(file, whole)
            }
            let numbers = reading.rows.map(\.number) + (hitRows[path] ?? [])
            if !hitFiles.insert(path).inserted { hitAgain.formUnion(numbers) }
            hitRows[path] = numbers
            self.hit.formUnion(numbers)
            hitLedger.formUnion(reading.ledger)
            note("\(path) rots at \(offset) of \(bytes.count)\(isCut ? ", cut" : "")")
        }
        _ =
            isCut
            ? disk.cut(&random, in: isMeant, onHit: hit)
            : disk.flipBit(&random, in: isMeant, onHit: hit)
    }

    /// The path of one of its files as causes name it.
    func shortened(_ path: String) -> String { directory.shortened(path) }

    /// The request that is due for an instance; nil where it is too early.
    func request(_ agent: Int, _ instance: String) -> Value? {
        let now = clock.monotonic
        guard let desk, pauses[agent] ?? .zero <= now,
            let request = desk.request(of: instance, maxBytes: schedule.site.batch)
        else { return nil }
        nextID += 1
        asked[nextID] = request
        pauses[agent] = now + .seconds(6)
        return ["id": .int(nextID), "archive": .string(id), "fetch": request.value]
    }

    /// Takes an answer, however late it is, and though it has come before.
    func take(_ value: Value, of agent: Int, _ instance: String) {
        guard let desk, value["archive"]?.string == id, let number = value["id"]?.int,
            let request = asked[number], let result = value["answer"],
            let answer = FetchAnswer(result)
        else { return }
        for loss in answer.losses {
            note("is told by \(instance), behind \(request.epoch):\(request.after): \(loss)")
        }
        let isJoining = desk.cursor(of: instance) == nil && joined[instance] == nil
        let now = clock.monotonic
        let places =
            answer.losses.map { ($0.epoch ?? answer.epoch, $0.first ?? 0) }
            + (answer.count > 0 ? [(answer.epoch, answer.first)] : [])
        let first = places.min(by: <)
        if isJoining, let first {
            let known = met[instance] ?? first
            met[instance] = first < known ? first : known
        }
        do throws(ArchiveError) {
            switch try desk.take(answer, to: request, of: instance) {
            case .atOnce: pauses[agent] = now
            case .later: pauses[agent] = now + .milliseconds(50)
            case .overtaken: return
            }
            if isJoining, let first { joined[instance] = first }
        } catch {
            note("is stuck: \(error)")
            pauses[agent] = now + .milliseconds(400)
            desk.beginPull(of: instance)
        }
    }

    /// Commits, rotates and seals what is due.
    func work() {
        guard let desk else { return }
        do throws(ArchiveError) {
            _ = try desk.commitIfDue()
            isSealingDue = !desk.takeClosedSegments().isEmpty || isSealingDue
            guard isSealingDue else { return }
            try Sealer(directory: directory, time: clock).sealAll(openSegment: desk.segmentPath)
            isSealingDue = false
        } catch {
            note("\(error)")
        }
    }

    /// Whether all of an instance is here and committed.
    func hasAll(_ instance: String, of newest: (epoch: Int64, position: Int64)) -> Bool {
        guard let desk, let committed = desk.committed(instance, upTo: newest.epoch) else {
            return false
        }
        return !desk.hasUncommitted && committed.epoch == newest.epoch
            && committed.position >= newest.position
    }

    /// Seals all that is there, as a tool does while nobody writes.
    func sealAll() throws(ArchiveError) {
        close()
        try Sealer(directory: directory, time: clock).sealAll(openSegment: nil)
    }

    private func note(_ text: String) {
        notes.append("\(clock.monotonic): archive \(text)")
    }
}
