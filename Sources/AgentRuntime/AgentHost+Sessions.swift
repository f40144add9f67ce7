internal import Logging
internal import MessageBus
internal import Telemetry

// Sessions: the book decides, the host runs bodies and records every change.

extension AgentHost {
    /// Accepts a start, or says why not; the body runs off the reactor, when `entry` is written.
    func start(
        _ name: String,
        _ parameters: [String: Value],
        audited entry: AuditEntry? = nil
    ) throws -> Session {
        let operation = try book.operation(name)
        // Parameters first: a start that is refused must not have touched anything.
        let body = try operation.prepare(parameters)
        let session = try book.begin(name, at: time.now)
        note(session)
        if let entry { audit.begin(entry, with: .session(session.id), at: time.monotonic) }
        let handle = OperationSession(
            RuntimeSession(
                host: self,
                log: log,
                feeds: feeds,
                limits: limits,
                time: time,
                operation: name,
                id: session.id
            )
        )
        // The handle stays in `bodies`, since a session is cancelled by name; shutdown cancels
        // what is left and waits for it, for as long as its patience lasts.
        let work = Task(executorPreference: SleepClock.shared) { @concurrent [weak self] in
            // Not waited for: what the body reports arrives behind it anyway.
            self?.onReactor { $0.begun(name, session.id) }
            do {
                if let entry { try await self?.writeAudit(entry, at: session.start) }
                try await body(handle)
                await self?.ended(name, session.id, failure: nil)
            } catch is CancellationError {
                await self?.ended(name, session.id, failure: nil)
            } catch {
                await self?.ended(name, session.id, failure: "\(error)")
            }
        }
        bodies[session.id] = work
        return session
    }

    /// Stops a process or aborts a task when `entry` is written; nil where too much waits already.
    func end(
        _ name: String,
        as kind: AgentOperation.Kind,
        audited entry: AuditEntry
    ) throws -> Session? {
        var ending = book
        let session = try ending.end(name, as: kind)
        guard audited(entry, { $0.bodies[session.id]?.cancel() }) else { return nil }
        book = ending
        note(session)
        audit.begin(entry, with: .session(session.id), at: time.monotonic)
        return session
    }

    /// Answers `call` when the session is done, or when `deadline` passes on the monotonic clock.
    ///
    /// Nobody suspends for it: a wait costs no task.
    func answer(_ call: Call, atEndOf session: Session, until deadline: Duration) {
        guard bodies[session.id] != nil else { return answer(call, with: session) }
        guard waits.values.reduce(0, { $0 + $1.count }) < RuntimeLimits.pendingRequests else {
            return finish(call, .requestTooMany, "too many requests wait: ask for the status")
        }
        waits[session.id, default: []].append(
            Wait(call: call, session: session, deadline: deadline)
        )
        wake(at: deadline)
    }

    private func wake(at deadline: Duration) {
        alarm.set(at: deadline, of: time) { [weak self] in self?.onReactor { $0.answerDue() } }
    }

    private func answerDue() {
        alarm.clear()
        let now = time.monotonic
        answerWaits { $0.deadline <= now }
        let next = waits.values.flatMap { $0 }.map(\.deadline).min()
        if let next { wake(at: next) }
    }

    /// Answers those who wait, as far as `isDue` says.
    func answerWaits(where isDue: (Wait) -> Bool) {
        for (id, all) in waits {
            let rest = all.filter { !isDue($0) }
            waits[id] = rest.isEmpty ? nil : rest
            for wait in all where isDue(wait) { answer(wait.call, with: wait.session) }
        }
    }

    private func begun(_ name: String, _ id: Int64) {
        if let session = book.markRunning(name, id) { note(session) }
    }

    private func ended(_ name: String, _ id: Int64, failure: String?) {
        bodies[id] = nil
        if let session = book.finish(name, id, failure: failure, at: time.now) { note(session) }
        noteEnd(of: id, failure: failure)
        if let failure, !isClosing {
            logger.warning(
                "an operation failed",
                metadata: ["operation": "\(name)", "session": "\(id)", "reason": "\(failure)"]
            )
            if settings.start.contains(where: { $0.operation == name }) {
                raise(
                    Fault(
                        id: "operation.failed",
                        severity: .error,
                        since: time.now,
                        text: "`\(name)` ended by itself: \(failure). Start it again",
                        subject: name
                    )
                )
            }
        }
        for wait in waits.removeValue(forKey: id) ?? [] { answer(wait.call, with: wait.session) }
        if bodies.isEmpty { bodiesEnded() }
    }

    func setDegraded(_ name: String, _ id: Int64, _ reason: String?) {
        if let session = book.setDegraded(name, id, reason) { note(session) }
    }

    func logLine(_ name: String, _ id: Int64, _ text: String, at now: Timestamp) {
        book.log(name, id, text, at: now)
    }

    func setData(_ name: String, _ id: Int64, _ key: String, _ value: Value) {
        guard !book.setData(name, id, key, value) else { return }
        logger.debug(
            "an entry of a session's data is beyond the limits",
            metadata: ["operation": "\(name)", "key": "\(key)"]
        )
    }

    func raise(_ fault: Fault) {
        guard let change = faults.raise(fault) else { return }
        logger.warning("fault", metadata: ["id": "\(fault.id)", "text": "\(fault.text)"])
        record(BuiltInFeed.faults, BuiltInFeed.block(of: change))
    }

    func clear(_ id: String, subject: String) {
        guard let change = faults.clear(id, subject: subject, at: time.now) else { return }
        record(BuiltInFeed.faults, BuiltInFeed.block(of: change))
    }

    /// A session has changed: into the feed `sessions`.
    func note(_ session: Session) {
        if session.status == .starting { clear("operation.failed", subject: session.operation) }
        record(BuiltInFeed.sessions, BuiltInFeed.block(of: session, at: time.now))
    }

    func record(_ feed: Feed, _ block: Block) {
        if case .dropped = changeSink.yield((feed, block)) { droppedChanges += 1 }
    }

    /// Says how many changes were dropped, as soon as the log takes some again.
    func noteDroppedChanges() {
        guard droppedChanges > toldDrops else { return }
        toldDrops = droppedChanges
        raise(
            Fault(
                id: "changes.dropped",
                severity: .error,
                since: time.now,
                text: "\(droppedChanges) changes of sessions and faults, or ends of commands, are "
                    + "not in the log: more than \(RuntimeLimits.pendingChanges) waited for it at "
                    + "a time"
            )
        )
    }
}
