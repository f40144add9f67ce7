internal import AgentClient
internal import AgentRuntime
internal import Archive
internal import Log
internal import SiteConfig
internal import Synchronization
internal import Telemetry

/// One run of the process `record`: the journal, the sealer, and a puller for each instance.
final class Recording: Sendable {
    private let keeper: JournalKeeper
    private let sealing: SealingDesk
    /// Nil where days stay as they are sealed.
    let compaction: CompactionDesk?
    let session: OperationSession
    private let time: any TimeSource
    private let state = Mutex(State())

    private struct State {
        var roll = PullRoll()
        var longestCommit: Duration = .zero
        /// Instances whose host's clock is off.
        var clocksOff: [String: Duration] = [:]
    }

    /// Takes the archive: fails in one sentence where another writer has it.
    init(
        settings: ArchiveSettings,
        holder: String,
        time: any TimeSource,
        session: OperationSession
    ) throws {
        self.session = session
        self.time = time
        let directory = ArchiveDirectory(settings.directory)
        keeper = try JournalKeeper(
            directory: directory,
            settings: JournalSettings(rotate: settings.rotate, maxSize: settings.maxSize),
            reserve: settings.reserve,
            holder: holder,
            time: time
        )
        sealing = try SealingDesk(directory: directory)
        compaction = settings.compactsDays ? try CompactionDesk(settings, time: time) : nil
    }

    /// Pulls, commits and seals until cancelled; `reactor` is that of the client.
    func run(_ client: SiteClient, on reactor: any TaskExecutor) async throws {
        session.set("archive", .string(keeper.archive))
        if await keeper.followsUncleanStop {
            session.log(
                "recording was not stopped in order last time: what it had not committed is "
                    + "fetched again"
            )
        }
        await withTaskGroup { group in
            // What mostly waits for one thread goes on there, and wakes no other.
            group.addTask(executorPreference: keeper.executor) { await self.commit() }
            group.addTask(executorPreference: keeper.executor) { await self.commitRest() }
            group.addTask(executorPreference: keeper.executor) { await self.watch() }
            group.addTask { await self.report() }
            group.addTask { await self.seal() }
            group.addTask { await self.compact() }
            group.addTask(executorPreference: reactor) { await self.follow(client) }
            await group.waitForAll()
        }
    }

    /// Commits what is left and waits for the sealer.
    func close() async {
        do { try await keeper.close() } catch {
            session.log("the last commit failed: \(error); agents keep what it would have held")
        }
        await keeper.shutdown()
        await sealing.shutdown()
        await compaction?.shutdown()
    }

    /// Keeps one puller for each instance of the table.
    private func follow(_ client: SiteClient) async {
        await withDiscardingTaskGroup { group in
            for await _ in session.ticks(every: AggregatorLimits.tablePeriod) {
                let rows: [InstanceRow]
                do {
                    rows = try await client.instances()
                    session.clear("registry.away")
                } catch {
                    // At the end it is the question that is called off, not the registry.
                    guard !Task.isCancelled else { continue }
                    // Who is being pulled goes on; only new instances have to wait.
                    session.raise(
                        "registry.away",
                        .warning,
                        "new instances are not found: \(error)"
                    )
                    continue
                }
                let alive = rows.filter { $0.state == .alive }.map(\.instance)
                for gone in state.withLock({ $0.roll.keep(alive: Set(alive)) }) {
                    session.clear("fetch.failed", subject: gone)
                }
                for instance in alive where claim(instance) {
                    let puller = Puller(
                        instance: instance,
                        client: client,
                        time: time,
                        onAnswer: { self.note(clockLead: $0, of: instance) }
                    )
                    group.addTask {
                        self.release(puller.instance, await puller.run(on: self.keeper))
                    }
                }
            }
            group.cancelAll()
        }
    }

    private func claim(_ instance: String) -> Bool {
        let now = time.monotonic
        return state.withLock { $0.roll.claim(instance, at: now) }
    }

    private func release(_ instance: String, _ reason: String?) {
        let now = time.monotonic
        guard let reason else { return state.withLock { $0.roll.cancelled(instance) } }
        if state.withLock({ $0.roll.failed(instance, at: now) }) {
            session.raise(
                "fetch.failed",
                .error,
                "its log cannot be fetched, and keeps what is not archived: \(reason)",
                subject: instance
            )
        }
        session.log("\(instance): \(reason)")
    }

    private func note(clockLead: Duration, of instance: String) {
        if state.withLock({ $0.roll.answered(instance) }) {
            session.clear("fetch.failed", subject: instance)
        }
        let isOff = clockLead.isClockTrouble
        let isNews = state.withLock { state in
            guard isOff else { return state.clocksOff.removeValue(forKey: instance) != nil }
            let told = state.clocksOff[instance]
            guard told.map({ (clockLead - $0).isClockTrouble }) ?? true else { return false }
            state.clocksOff[instance] = clockLead
            return true
        }
        guard isNews else { return }
        if isOff {
            session.raise(
                "clock",
                .warning,
                clockLead.clockText("the clock of its host", "the aggregator's")
                    + ": its samples are kept and marked; look at the time service of both",
                subject: instance
            )
        } else {
            session.clear("clock", subject: instance)
        }
    }

    /// Commits together what came in the time that the first of it may wait.
    private func commit() async {
        for await since in keeper.waiting {
            let due = since + AggregatorLimits.commitPeriod
            do { try await time.sleep(untilMonotonic: due) } catch { return }
            await commitIfDue()
        }
    }

    /// Commits what is left when a disk takes it again, and begins segments that are due.
    private func commitRest() async {
        for await _ in session.ticks(every: AggregatorLimits.diskPeriod) { await commitIfDue() }
    }

    private func commitIfDue() async {
        // Why it fails, the keeper tells whoever watches.
        guard let duration = try? await keeper.commitIfDue() else { return }
        state.withLock { $0.longestCommit = max($0.longestCommit, duration) }
        if duration > AggregatorLimits.slowCommit {
            session.raise(
                "disk.slow",
                .warning,
                "a commit took \(duration.inSeconds) s: look at the archive's disk"
            )
        } else {
            session.clear("disk.slow")
        }
    }

    /// Says when the journal takes nothing, and when the clock of the host is off.
    private func watch() async {
        var log = TroubleLog()
        var isClockOff = false
        for await _ in session.ticks(every: AggregatorLimits.diskPeriod) {
            let status = await keeper.status
            let (change, line) = log.note(status, at: time.monotonic)
            if let line { session.log(line) }
            switch change {
            case .begun(let trouble): trouble.raise(in: session)
            case .over: JournalTrouble.clear(in: session)
            case nil: break
            }
            guard status.clockLead.isClockTrouble != isClockOff else { continue }
            isClockOff.toggle()
            guard isClockOff else {
                session.clear("clock")
                continue
            }
            session.raise(
                "clock",
                .warning,
                status.clockLead.clockText("the clock of the host", "what was received")
                    + ": receive time goes on by the monotonic clock; look at the time service"
            )
        }
    }

    /// Seals segments as they are closed; one that cannot be sealed stays a journal, from which it
    /// is read as well, and is tried again.
    private func seal() async {
        var isDue = true
        for await _ in session.ticks(every: AggregatorLimits.sealPeriod) {
            let closed = await keeper.takeClosedSegments()
            isDue = isDue || !closed.isEmpty
            guard isDue else { continue }
            do {
                try await sealing.sealAll(openSegment: keeper.segmentPath())
                isDue = false
                session.clear("seal.failed")
            } catch {
                session.raise(
                    "seal.failed",
                    .error,
                    "a segment stays a journal, its samples are read from there: \(error)"
                )
            }
        }
    }

    private func report() async {
        for await now in session.ticks(every: .seconds(10)) {
            let status = await keeper.status
            let (instances, longest) = state.withLock { state in
                defer { state.longestCommit = .zero }
                return (Int64(state.roll.count), state.longestCommit)
            }
            session.set("records", .int(status.records))
            session.set("bytes", .int(status.bytes))
            session.set("instances", .int(instances))
            let block = AggregatorAgent.recordingRow(
                at: now,
                status,
                instances: instances,
                longestCommit: longest
            )
            do { try await session.publish(AggregatorAgent.recording, block) } catch {
                session.log("\(error)")
            }
        }
    }
}
