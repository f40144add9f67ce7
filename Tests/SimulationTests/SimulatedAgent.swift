import ArchiveFormat
import CerroTesting
import Synchronization
import Telemetry

@testable import Log

/// An instance on a host of its own: its log, its disk, its clocks, and what it has published.
final class SimulatedAgent {
    /// What the log told since the last look.
    private final class Told: Sendable {
        let events = Mutex<[LogEvent]>([])
    }

    let name: String
    let disk: SimulatedDisk
    let clock: SimulatedClock
    let settings: AgentLog.Settings
    private(set) var log: AgentLog?
    private var told = Told()
    var boot = 1
    var backup: SimulatedDiskSnapshot?
    /// The records of the process that lives, by their place in ``published``; those before
    /// ``open`` are synced and their publishers went on.
    private var own: Range<Int> = 0..<0
    private var open = 0
    var published: [Published] = []
    /// The highest position of each epoch.
    private(set) var positions: [Int64: Int64] = [:]
    /// The newest epoch that had begun when the power went or the disk was rolled back, and when
    /// the latter happened.
    var lastCutEpoch: Int64 = 0, lastRolledBackEpoch: Int64 = 0
    var excuses: Set<Excuse> = []
    /// Those of a table that is damaged until a process reads it and can write it anew.
    var tableExcuses: Set<Excuse> = []
    private(set) var newestEpoch: Int64 = 0
    /// The epochs of which a declaration was hit.
    var damagedEpochs: Set<Int64> = []
    private(set) var isInMemory = false
    private var isUnnoted = false
    private var failedSyncs = 0
    private(set) var lastWork = Duration.zero, started = Duration.zero
    private var usesIntegers = false
    /// The step at which the process comes back, or goes on.
    var returns: Int?, wakes: Int?, heals: Int?, connects: Int?
    var notes: [String] = []

    init(_ number: Int, _ schedule: Schedule, _ time: SimulatedTime) {
        name = ["alpha", "beta", "gamma", "delta"][number]
        disk = SimulatedDisk(seed: schedule.seed &+ UInt64(number))
        clock = SimulatedClock(time)
        settings = AgentLog.Settings(
            size: schedule.site.spool,
            segmentSize: schedule.site.segment,
            queueLimit: 4000,
            memoryLimit: 8000
        )
    }

    static let durable = Feed(
        "audit",
        fields: [Field("number", .int), Field("value", .double)],
        durable: true
    )

    private var feed: Feed {
        Feed(
            "numbers",
            fields: [Field("number", .int), Field("value", usesIntegers ? .int : .double)]
        )
    }

    /// Starts the process; stays away where the disk does not let it.
    func start() {
        guard log == nil else { return }
        told = Told()
        let told = told
        log = try? AgentLog(
            folder: "/spool",
            instance: name,
            settings: settings,
            disk: disk,
            time: clock,
            bootID: "boot-\(boot)",
            isDriven: true,
            onEvent: { event in told.events.withLock { $0.append(event) } }
        )
        isInMemory = false
        if log != nil, heals == nil { tableExcuses = [] }
        newestEpoch = max(newestEpoch, log?.epoch ?? 0)
        started = clock.monotonic
        lastWork = started
        own = published.count..<published.count
        open = own.lowerBound
        for index in published.indices where published[index].written != nil && log != nil {
            // What earlier processes left is synced when the log opens.
            if heals == nil {
                published[index].isSynced = true
            } else if !published[index].isSynced {
                published[index].excuses.formUnion([.powerLoss, .failedSync])
            }
        }
        declare()
    }

    /// Declares both feeds, the other way round where `isChanged`.
    func declare(isChanged: Bool = false) {
        if isChanged { usesIntegers.toggle() }
        try? log?.admit(feed)
        try? log?.admit(Self.durable)
    }

    /// Publishes one record; one that is refused is not published.
    func publish(_ number: Int64, isDurable: Bool) {
        let feed = isDurable ? Self.durable : feed
        let values: Column =
            feed.fields[1].type == .int ? .ints([number * 2]) : .doubles([Double(number) / 2])
        let time = clock.now
        let block = Block(timestamps: [time], columns: [.ints([number]), values])
        guard let log, !disk.isDead, let admission = try? log.admit(feed, block) else { return }
        newestEpoch = admission.epoch
        let damage: Set<Excuse> = damagedEpochs.contains(admission.epoch) ? [.damage] : []
        published.append(
            Published(
                number: number,
                feed: feed,
                admission: admission,
                time: time,
                excuses: excuses.union(damage).union(tableExcuses)
            )
        )
        own = own.lowerBound..<published.count
    }

    /// Lets the log's writer do what it has to do by now.
    func work() {
        guard let log else { return }
        _ = log.work()
        lastWork = clock.monotonic
        note(log)
    }

    /// Answers a fetch as the agent's host does.
    func answer(_ request: FetchRequest) -> FetchAnswer? {
        guard let log, !disk.isDead else { return nil }
        let answer = log.fetch(request)
        note(log)
        return disk.isDead ? nil : answer
    }

    func forget(_ archive: String) {
        log?.forget(archive: archive)
    }

    /// The position that an archive which has all has come to.
    var newest: (epoch: Int64, position: Int64)? { log.map { ($0.epoch, $0.newestPosition) } }

    /// Takes down what the log told, and which publishers may go on.
    private func note(_ log: AgentLog) {
        let events = told.events.withLock { events in
            defer { events = [] }
            return events
        }
        let (written, synced, kept) = log.ordinals
        for index in open..<own.upperBound {
            let ordinal = published[index].admission.ordinal
            if published[index].written == nil, ordinal <= written {
                published[index].written = clock.monotonic
            }
            if ordinal <= synced { published[index].isSynced = true }
        }
        if disk.failedSyncCount != failedSyncs {
            failedSyncs = disk.failedSyncCount
            for index in own where !published[index].isSynced {
                published[index].excuses.insert(.failedSync)
            }
        }
        for event in events { note(event) }
        for index in open..<own.upperBound where isInMemory && !published[index].isSynced {
            published[index].wasInMemory = true
        }
        // Of a process that has just died no publisher goes on, whatever its log would say.
        for index in open..<own.upperBound
        where published[index].returned == nil && !disk.isDead {
            // While the disk refuses to be written, records that are noted as being in memory do.
            let isDone =
                published[index].isSynced
                || (isInMemory || !published[index].feed.isDurable)
                    && published[index].admission.ordinal <= kept
            if isDone { published[index].returned = clock.monotonic }
        }
        while open < own.upperBound, published[open].isSynced, published[open].returned != nil {
            open += 1
        }
        positions[log.epoch] = max(positions[log.epoch] ?? 0, log.newestPosition)
    }

    private func note(_ event: LogEvent) {
        switch event {
        case .inMemory(let reason, let unnoted):
            notes.append("\(name) in memory: \(reason), unnoted \(String(describing: unnoted))")
            // A process whose disk dies may have noted what it held with its last call.
            guard !disk.isDead else { return excuseDoubtful() }
            isInMemory = true
            isUnnoted = unnoted != nil
        case .recovered: isInMemory = false
        case .dropped(let loss):
            notes.append("\(name) dropped \(loss)")
            let isFull = loss.cause.contains("full")
            for index in published.indices
            where loss.names(published[index].admission) {
                published[index].excuses.insert(isFull ? .spoolFull : .failedSync)
            }
        case .lost(let count, _): notes.append("\(name) lost \(count)")
        default: break
        }
    }
}

extension SimulatedAgent {
    /// Whether the process lives; one whose disk has died is taken down.
    func isAlive() async -> Bool {
        if disk.isDead { await kill() }
        return log != nil
    }

    /// Ends the process in order.
    func close() async {
        guard let log else { return }
        await log.close()
        note(log)
        end()
        disk.restart()
    }

    /// kill -9.
    func kill() async {
        guard let log else { return disk.restart() }
        note(log)
        noteForgotten(by: log)
        end()
        self.log = nil
        disk.restart()
        await log.abandon()
    }

    /// An archive that the disk has not heard of is none that the next process waits for.
    private func noteForgotten(by log: AgentLog) {
        if !savedArchives.isSuperset(of: log.commits.keys) { excuse(.forgotten) }
    }

    /// The archives that the disk has heard of.
    var savedArchives: Set<String> {
        Set(LogTables.commits(disk.bytes(of: "/spool/commits")).keys)
    }

    /// From now on all records may be missing for this reason: those to come as well.
    func excuse(_ excuse: Excuse) {
        excuses.insert(excuse)
        for index in published.indices { published[index].excuses.insert(excuse) }
    }

    /// What a failed sync left in doubt was on its way to another file.
    private func excuseDoubtful() {
        for index in own where published[index].excuses.contains(.failedSync) {
            published[index].excuses.insert(.memory)
        }
    }

    /// The process is gone: what it held in memory as well.
    private func end() {
        for index in own where published[index].written == nil {
            if published[index].returned == nil || isUnnoted {
                published[index].isOpen = true
            } else {
                published[index].excuses.insert(.memory)
            }
        }
        for index in own where published[index].returned == nil {
            published[index].isOpen = true
        }
        if isInMemory { excuseDoubtful() }
        own = published.count..<published.count
        log = nil
    }
}
