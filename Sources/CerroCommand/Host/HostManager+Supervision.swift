internal import AgentRuntime
internal import MessageBus
internal import SiteConfig
internal import Synchronization
internal import Telemetry

// What the manager does while it supervises.

extension HostManager {
    func supervise(_ session: OperationSession) async throws {
        await withTaskGroup { group in
            group.addTask { await self.crew.run() }
            group.addTask { await self.followFile(session) }
            group.addTask { await self.tell(session) }
            group.addTask { await self.compareClocks(session) }
        }
    }

    /// Reads the site file whenever it is another than before, or somebody asks for that.
    private func followFile(_ session: OperationSession) async {
        while true {
            do { try await session.time.sleep(for: SiteConfig.Limits.watchPeriod) } catch { return }
            let isDue = state.withLock { state in
                defer { state.isAsked = false }
                return state.watch.look() || state.isAsked
            }
            guard isDue else { continue }
            do {
                let changes = try await reload(session)
                session.log("followed \(source.path): \(changes)")
            } catch { session.log("\(error)") }
        }
    }

    /// Follows the site file as it is now; a fault says so while it cannot be followed.
    func reload(_ session: OperationSession) async throws -> HostChanges {
        do throws(CommandFailure) {
            let edition = try source.read()
            guard edition.plan.hash == first.plan.hash else {
                throw CommandFailure(
                    .failed,
                    "host \(source.host) itself, the registry's address, `keys` or `spool` are "
                        + "others now, by which a manager begins anew: restart this one, its "
                        + "instances survive that"
                )
            }
            do { try source.keep(edition) } catch { throw CommandFailure(.failed, "\(error)") }
            state.withLock { $0.plan = edition.plan }
            session.clear("site.broken")
            return await crew.follow(edition.plan)
        } catch {
            session.raise(
                "site.broken",
                .error,
                "\(source.path) is not followed, what it said before holds on: \(error)",
                subject: ""
            )
            throw error
        }
    }

    /// Publishes what changes, and holds the faults that follow from how the instances stand.
    private func tell(_ session: OperationSession) async {
        var told: [String: Standing] = [:]
        for await _ in await crew.changes() {
            let standings = await crew.standings
            for standing in standings where told[standing.instance]?.isLike(standing) != true {
                told[standing.instance] = standing
                // A manager whose log takes nothing works on; its host raises the fault.
                try? await session.publish(Self.instances, standing.block(at: session.time.now))
            }
            hold(HostFaults.of(standings, stateProblem: await crew.stateProblem), session)
        }
    }

    private func hold(_ faults: [Fault], _ session: OperationSession) {
        let keys = Set(faults.map { FaultKey(id: $0.id, subject: $0.subject) })
        let over = state.withLock { state in
            defer { state.raised = keys }
            return state.raised.subtracting(keys)
        }
        for key in over { session.clear(key.id, subject: key.subject) }
        for fault in faults {
            session.raise(fault.id, fault.severity, fault.text, subject: fault.subject)
        }
    }

    /// Publishes how far the clock of this host is off, and raises a fault beyond the tolerance.
    private func compareClocks(_ session: OperationSession) async {
        guard let services = state.withLock({ $0.services }) else { return }
        for await now in session.ticks(every: Limits.clockPeriod) {
            guard let reading = await services.clock() else { continue }
            // As in ``tell(_:)``.
            try? await session.publish(
                Self.clock,
                at: now,
                [reading.offset.inSeconds, reading.roundTrip.inSeconds]
            )
            guard reading.offset.isClockTrouble else {
                session.clear("clock")
                continue
            }
            session.raise(
                "clock",
                .error,
                reading.offset.clockText("the clock of this host", "the registry's")
                    + ": samples of this host are dated by it. Set it, and have NTP or PTP keep it"
            )
        }
    }

    /// A piece of the log of one instance, bounded.
    func log(_ arguments: Value) throws -> Value {
        let id = arguments["instance"]?.string ?? ""
        let entries = state.withLock { $0.plan.entries }
        guard let entry = entries.first(where: { $0.id == id }) else {
            throw QueryFailure(
                .parameterInvalid,
                "there is no instance `\(id)` here; there are "
                    + entries.map(\.id).joined(separator: ", ")
            )
        }
        let file = LogFile(path: entry.program.log)
        let most = Limits.logReplyBytes
        do throws(CommandFailure) {
            if let place = arguments["place"].flatMap(LogPlace.init) {
                return try file.next(after: place, mostBytes: most).value
            }
            let lines = min(max(arguments["lines"]?.int ?? 0, 0), Int64(Limits.logReplyLines))
            return try file.last(Int(lines), mostBytes: most).value
        } catch { throw QueryFailure(.queryFailed, error.message) }
    }
}
