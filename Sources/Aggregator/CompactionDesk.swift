internal import Archive
internal import Glibc
internal import SiteConfig
internal import Synchronization
internal import Telemetry
internal import ZeroMQ

/// Compacts days on a thread of its own, behind everything else: neither the journal nor the
/// sealer waits for it.
actor CompactionDesk {
    private let thread: Reactor
    private let directory: ArchiveDirectory
    private let compactor: Compactor
    private let time: any TimeSource
    private var schedule = CompactionSchedule()
    private var isNice = false
    /// Whether recording ends; a compaction then stops at its next step.
    private nonisolated let isEnding = Atomic(false)

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(_ settings: ArchiveSettings, time: any TimeSource) throws {
        directory = ArchiveDirectory(settings.directory)
        compactor = Compactor(
            directory: directory,
            retention: settings.retention,
            reserve: settings.reserve,
            time: time
        )
        self.time = time
        thread = try Reactor()
    }

    /// Compacts the first day that needs it, newest first; what was done, nil if nothing was.
    ///
    /// One day at a time: who reads has time to look anew before the next one changes.
    func compactNext() throws -> CompactedDay? {
        beNice()
        let days = try compactor.closedDays()
        schedule.begin(days, pins: try? directory.pins(), at: time.monotonic)
        while let day = schedule.next, !isEnding.load(ordering: .relaxed) {
            let report = compactor.compact(
                day,
                mayGoOn: { !isEnding.load(ordering: .relaxed) }
            )
            schedule.note(report, at: time.monotonic)
            if case .compacted = report.outcome { return report }
        }
        return nil
    }

    /// Why days stay as they are: the newest of them first.
    var refusals: [CompactedDay] { schedule.refusals }

    /// Lets a compaction end at its next step: its day stays as it was.
    nonisolated func stop() { isEnding.store(true, ordering: .relaxed) }

    /// Ends the thread, and a compaction with it.
    nonisolated func shutdown() async {
        stop()
        await thread.shutdown()
    }

    /// On Linux each thread has a niceness of its own.
    private func beNice() {
        guard !isNice else { return }
        isNice = true
        _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, AggregatorLimits.niceness)
    }
}
