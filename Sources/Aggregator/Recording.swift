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
    private let session: OperationSession
    private let time: any TimeSource
    private let permits = Permits(AggregatorLimits.outstandingBatches)
    private let state = Mutex(State())

    private struct State {
        /// Instances that have a puller, and those whose puller ended, with their next try.
        var pulled: Set<String> = []
        var retry: [String: (at: Duration, wait: Duration)] = [:]
        var longestCommit: Duration = .zero
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
            holder: holder,
            time: time
        )
        sealing = try SealingDesk(directory: directory)
    }

    /// Pulls, commits and seals until cancelled.
    func run(_ client: SiteClient) async throws {
        session.set("archive", .string(keeper.archive))
        await withTaskGroup { group in
            group.addTask { await self.commit() }
            group.addTask { await self.report() }
            group.addTask { await self.seal() }
            group.addTask { await self.follow(client) }
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
                    // Who is being pulled goes on; only new instances have to wait.
                    session.raise(
                        "registry.away",
                        .warning,
                        "new instances are not found: \(error)"
                    )
                    continue
                }
                for row in rows where row.state == .alive && claim(row.instance) {
                    let puller = Puller(
                        instance: row.instance,
                        client: client,
                        keeper: keeper,
                        permits: permits,
                        time: time
                    )
                    group.addTask { self.release(puller.instance, await puller.run()) }
                }
            }
            group.cancelAll()
        }
    }

    private func claim(_ instance: String) -> Bool {
        let now = time.monotonic
        return state.withLock { state in
            guard !state.pulled.contains(instance),
                state.retry[instance].map({ $0.at <= now }) ?? true
            else { return false }
            state.pulled.insert(instance)
            return true
        }
    }

    private func release(_ instance: String, _ outcome: Puller.Outcome?) {
        let now = time.monotonic
        state.withLock { state in
            state.pulled.remove(instance)
            let last = state.retry[instance]?.wait ?? AggregatorLimits.firstRetry
            let wait = min(last * 2, AggregatorLimits.longestRetry)
            state.retry[instance] = outcome == nil ? nil : (now + wait, wait)
        }
        switch outcome {
        case .away(let reason): session.log("\(instance): \(reason)")
        case .stuck(let reason):
            session.raise("journal.stuck", .critical, reason, subject: instance)
        case nil: break
        }
    }

    /// Commits what waits, and says so when the disk is slow or refuses.
    private func commit() async {
        for await _ in session.ticks(every: AggregatorLimits.commitPeriod / 5) {
            do {
                guard let duration = try await keeper.commitIfDue() else { continue }
                state.withLock { $0.longestCommit = max($0.longestCommit, duration) }
                session.clear("journal.stuck")
                session.markHealthy()
                if duration > AggregatorLimits.slowCommit {
                    session.raise(
                        "disk.slow",
                        .warning,
                        "a commit took \(duration.inSeconds) s: look at the archive's disk"
                    )
                } else {
                    session.clear("disk.slow")
                }
            } catch {
                session.raise("journal.stuck", .critical, "\(error)")
                session.markDegraded(because: error)
            }
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
            let (records, bytes) = await keeper.counts
            let (instances, longest) = state.withLock { state in
                defer { state.longestCommit = .zero }
                return (state.pulled.count, state.longestCommit)
            }
            session.set("records", .int(records))
            session.set("bytes", .int(bytes))
            session.set("instances", .int(Int64(instances)))
            let block = Block(
                timestamps: [now],
                columns: [
                    .ints([records]), .ints([bytes]), .ints([Int64(instances)]),
                    .doubles([longest.inSeconds]),
                ]
            )
            do { try await session.publish(AggregatorAgent.recording, block) } catch {
                session.log("\(error)")
            }
        }
    }
}
