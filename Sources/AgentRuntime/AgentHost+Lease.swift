internal import Logging
internal import Log
internal import MessageBus
internal import MessagePack
internal import Telemetry

// The lease: who may be this instance. The registry decides; while it is away, nothing stops.

extension AgentHost {
    /// Where the registry answers: for the registry itself, its own socket.
    var registryEndpoint: BusEndpoint? { settings.registry ?? server?.endpoint }

    /// Asks for the lease, starts what autostarts, and renews the lease until shutdown.
    func holdLease() async {
        guard let requester = registryRequester else { return }
        await keepLease(requester)
        await requester.close()
    }

    private func keepLease(_ requester: Requester) async {
        let patience = time.monotonic + RuntimeLimits.registryPatience
        // The epoch of the lease: another one has begun where an archive and the log diverged.
        var lease: Int64?
        var granted: [Int64] = []
        var hasStarted = false
        while !isClosing {
            noteLeftOutRefusals()
            endOverdueControl()
            // Together with what the agent is asked for: both wake the same threads.
            let due = time.nextBeat(
                every: RuntimeLimits.heartbeatPeriod,
                after: RuntimeLimits.gatherPhase
            )
            let epoch = log.epoch
            let answer =
                lease == epoch
                ? await ask(requester, Action.heartbeat, heartbeat)
                : await ask(requester, Action.register, registration(after: granted))
            switch answer {
            case .granted:
                if granted.last != epoch { granted.append(epoch) }
                lease = epoch
                clear("registry.away", subject: "")
            case .unknown: lease = nil
            case .held(let exit):
                await giveUp(exit)
                return
            case .otherSite(let reason) where granted.isEmpty:
                let instance = settings.identity.instance
                await giveUp(.otherSite(instance: instance, reason: reason))
                return
            case .away(let reason), .otherSite(let reason):
                lease = nil
                guard time.monotonic > patience else { break }
                raise(
                    Fault(
                        id: "registry.away",
                        severity: .warning,
                        since: time.now,
                        text: "no lease from the registry: \(reason). Others cannot find "
                            + "this agent; it works on"
                    )
                )
                if !hasStarted { logger.notice("begins without a registry") }
            case .later: lease = nil
            }
            if !hasStarted, lease != nil || time.monotonic > patience {
                hasStarted = true
                autostart()
                settings.notifier?.tell("READY=1")
            }
            // From the reactor: one that hangs is noticed by whoever waits for this.
            let standing = lease != nil ? "registered" : "no registry answers"
            settings.notifier?.tell("WATCHDOG=1", "STATUS=\(standing)")
            // Without the lease the next try is soon: a site comes up in a moment or in an hour.
            let next = lease != nil ? due : min(due, time.monotonic + .milliseconds(200))
            do { try await time.sleep(untilMonotonic: next) } catch { return }
        }
    }

    /// Says good-bye, so that nobody waits for the lease to end.
    func leave() async {
        guard exit == nil, settings.registry != nil, let requester = registryRequester else {
            return
        }
        _ = await ask(
            requester,
            Action.leave,
            ["instance": .string(settings.identity.instance), "epoch": .int(log.epoch)]
        )
        await requester.close()
    }

    private var registryRequester: Requester? {
        registryEndpoint.map {
            Requester(bus: bus, endpoint: $0, timeSource: time, logger: logger)
        }
    }

    private enum LeaseAnswer {
        case granted, unknown, later
        case held(AgentExit)
        case otherSite(String)
        case away(String)
    }

    private func ask(
        _ requester: Requester,
        _ action: String,
        _ arguments: Value
    ) async -> LeaseAnswer {
        do {
            let (sent, begin) = (time.now, time.monotonic)
            let reply = try await requester.request(
                action,
                target: "registry",
                arguments: arguments,
                timeout: RuntimeLimits.heartbeatPeriod
            )
            clock.note(sent: sent, roundTrip: time.monotonic - begin, remote: reply.clock)
            switch reply.code {
            case .ok: return .granted
            case .leaseHeld:
                return .held(
                    .refused(
                        instance: settings.identity.instance,
                        host: reply.result["host"]?.string ?? "unknown",
                        pid: reply.result["pid"]?.int ?? 0,
                        since: reply.result["since"]?.timestamp ?? time.now
                    )
                )
            case .leaseUnknown: return .unknown
            case .leaseWait: return .later
            case .siteOther: return .otherSite(reply.text)
            default: return .away("it answers \(reply.code.rawValue): \(reply.text)")
            }
        } catch { return .away("\(error)") }
    }

    private func giveUp(_ refused: AgentExit) async {
        exit = refused
        logger.error("this process may not be the instance", metadata: ["reason": "\(refused)"])
        beginShutdown()
    }

    private func autostart() {
        for entry in settings.start {
            do { _ = try start(entry.operation, entry.parameters) } catch {
                let reason = (error as? SessionBook.Refusal)?.text ?? "\(error)"
                raise(
                    Fault(
                        id: "operation.failed",
                        severity: .error,
                        since: time.now,
                        text: "`\(entry.operation)` did not start with the agent: \(reason)",
                        subject: entry.operation
                    )
                )
            }
        }
    }

    private var heartbeat: Value {
        [
            "instance": .string(settings.identity.instance), "epoch": .int(log.epoch),
            "clock": .timestamp(time.now), "published": .int(log.newestPosition),
            "operations": .map(book.summary.mapValues(Value.string)),
            "faults": .array(faults.open.map(\.value)), "control": controlValue,
            "refused": .int(refusedCount), "audited": .int(auditedCount),
            "offset_ns": clock.best.map { .int($0.offset.nanoseconds) } ?? .null,
            "round_trip_ns": clock.best.map { .int($0.roundTrip.nanoseconds) } ?? .null,
        ]
    }

    /// `granted` are the epochs of this process for which there was a lease.
    private func registration(after granted: [Int64]) -> Value {
        let identity = settings.identity
        var row = InstanceRow(
            instance: identity.instance,
            className: identity.className,
            host: identity.host
        )
        row.state = .alive
        row.pid = identity.pid
        row.epoch = log.epoch
        row.version = identity.version
        row.siteHash = identity.siteHash
        row.requests = advertised(server?.endpoint)
        row.publisher = advertised(publisherSocket?.endpoint)
        row.operations = book.summary
        row.faults = faults.open
        row.refused = refusedCount
        row.audited = auditedCount
        row.published = log.newestPosition
        row.control = control.control
        return [
            "row": row.value, "shows_lease": .bool(!granted.isEmpty), "clock": .timestamp(time.now),
            "predecessors": .array((log.predecessors + granted).map(Value.int)),
            "site": .string(identity.site),
            "uptime_ns": .int((time.monotonic - begun).nanoseconds),
        ]
    }

    /// The endpoint as others reach it: the host that the site file tells, the port that is bound.
    private func advertised(_ endpoint: BusEndpoint?) -> String {
        guard let endpoint else { return "" }
        return BusEndpoint(host: settings.advertisedHost, port: endpoint.port)?.description ?? ""
    }

    func announce(_ topic: String, _ value: Value) {
        publisherSocket?.publish(topic: topic, payload: value.messagePack)
    }
}
