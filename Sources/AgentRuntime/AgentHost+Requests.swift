internal import Log
internal import MessageBus
internal import Telemetry

// Requests: checked by the ledger, answered at once where that needs no waiting, else by a job.

extension AgentHost {
    typealias Call = RequestServer.Call

    /// One request that is to be done; never suspends.
    func answer(_ call: Call) {
        if refusesForControl(call) { return }
        switch call.request.action {
        case Action.describe: finish(call, .ok, result: description)
        case Action.status: status(call)
        case Action.start: start(call)
        case Action.stop: end(call, .process)
        case Action.abort: end(call, .task)
        case Action.wait: wait(call)
        case Action.fetch: fetch(call)
        case Action.log: finish(call, .ok, result: logStatus)
        case Action.forget: forget(call)
        case Action.take, Action.release: changeControl(call)
        default: query(call)
        }
    }

    /// Answers a request, and whoever has sent it again meanwhile.
    func finish(
        _ call: Call,
        _ code: ReplyCode,
        _ text: String = "",
        result: Value = .null
    ) {
        noteAnswer(call, code, text)
        server?.answer(call, code: code, text: text, result: result)
    }

    /// Runs `work` in the host's task group; refuses when too much waits already.
    private func later(
        _ call: Call,
        _ work: @escaping @Sendable (AgentHost) async -> Void
    ) {
        let enqueued = spawn { [weak self] in
            guard let self else { return }
            await work(self)
        }
        if !enqueued { refuse(call) }
    }

    /// Refuses since too much waits already, or nothing new is begun at the end.
    func refuse(_ call: Call) {
        if isClosing { return finish(call, .shuttingDown, "the agent is shutting down") }
        finish(call, .requestTooMany, "too many requests wait: ask again in a second")
    }

    private func status(_ call: Call) {
        guard let name = call.request.arguments["operation"]?.string else {
            let newest = book.names.compactMap { book.newest($0)?.value }
            return finish(
                call,
                .ok,
                result: [
                    "sessions": .array(newest), "faults": .array(faults.open.map(\.value)),
                    "operations": .map(book.summary.mapValues(Value.string)),
                    "published": .int(log.newestPosition), "control": controlValue,
                    "refused": .int(refusedCount),
                ]
            )
        }
        do {
            _ = try book.operation(name)
            let id = call.request.arguments["session"]?.int
            let session = book.session(name, id: id)?.value ?? .null
            let history = book.history(name).map(\.value)
            let isLong = call.request.arguments["history"]?.bool == true
            finish(
                call,
                .ok,
                result: ["session": session, "history": isLong ? .array(history) : .null]
            )
        } catch { finish(call, .operationUnknown, error.text) }
    }

    private func start(_ call: Call) {
        let name = call.request.arguments["operation"]?.string ?? ""
        guard !isClosing else {
            return finish(call, .shuttingDown, "the agent is shutting down")
        }
        do {
            let session = try start(
                name,
                call.request.arguments["parameters"]?.map ?? [:],
                audited: auditEntry(call)
            )
            guard let wait = call.request.arguments["wait_ns"]?.int, wait > 0 else {
                return finish(call, .ok, result: ["session": session.value])
            }
            waitAndReply(call, session, .nanoseconds(wait))
        } catch let error as ParameterError {
            finish(call, .parameterInvalid, "\(error)")
        } catch let error as SessionBook.Refusal {
            finish(call, error.code, error.text, result: error.session)
        } catch { finish(call, .internal, "\(error)") }
    }

    private func end(_ call: Call, _ kind: AgentOperation.Kind) {
        let name = call.request.arguments["operation"]?.string ?? ""
        do {
            guard let session = try end(name, as: kind, audited: auditEntry(call)) else {
                return refuse(call)
            }
            guard let wait = call.request.arguments["wait_ns"]?.int, wait > 0 else {
                return finish(call, .ok, result: ["session": session.value])
            }
            waitAndReply(call, session, .nanoseconds(wait))
        } catch let error as SessionBook.Refusal {
            finish(call, error.code, error.text, result: error.session)
        } catch { finish(call, .internal, "\(error)") }
    }

    private func wait(_ call: Call) {
        let name = call.request.arguments["operation"]?.string ?? ""
        do { _ = try book.operation(name) } catch {
            return finish(call, .operationUnknown, error.text)
        }
        guard let session = book.session(name, id: call.request.arguments["session"]?.int) else {
            return finish(call, .operationIdle, "`\(name)` has not run")
        }
        let limit = Duration.nanoseconds(call.request.arguments["wait_ns"]?.int ?? 0)
        waitAndReply(call, session, limit)
    }

    private func waitAndReply(
        _ call: Call,
        _ session: Session,
        _ limit: Duration
    ) {
        let deadline = time.monotonic + min(limit, .seconds(86_400))
        answer(call, atEndOf: session, until: deadline)
    }

    /// Answers with what has become of the session.
    func answer(_ call: Call, with session: Session) {
        let now = book.session(session.operation, id: session.id) ?? session
        let result: Value = ["session": now.value]
        switch (now.status, now.success) {
        case (.done, true?): finish(call, .ok, result: result)
        case (.done, _): finish(call, .operationFailed, now.reason, result: result)
        default:
            finish(
                call,
                .waitTimeout,
                "`\(now.operation)` goes on as session \(now.id): \(now.status.rawValue)",
                result: result
            )
        }
    }

    private func fetch(_ call: Call) {
        guard let fetch = FetchRequest(call.request.arguments) else {
            return finish(call, .requestMalformed, "these are no arguments of a fetch")
        }
        func asked(_ name: String, _ longest: Duration) -> Duration {
            let asked = call.request.arguments[name]?.int ?? 0
            return min(max(.nanoseconds(asked &* 1_000_000), .zero), longest)
        }
        let wait = asked("wait_ms", RuntimeLimits.longestFetchWait)
        let gather = asked("gather_ms", RuntimeLimits.longestGather)
        guard fetchCount < RuntimeLimits.pendingRequests else { return refuse(call) }
        fetchCount += 1
        desk.fetch(fetch, wait: wait, gather: gather) { answer in
            self.onReactor { host in
                host.fetchCount -= 1
                host.finish(call, .ok, result: answer.value)
            }
        }
    }

    private func query(_ call: Call) {
        guard let query = queries[call.request.action] else {
            return finish(
                call,
                .actionUnknown,
                "there is no action `\(call.request.action)` here"
            )
        }
        let (arguments, caller) = (call.request.arguments, caller(of: call))
        switch query.way {
        case .atOnce(let answer): finish(call, Result { try answer(arguments, caller) })
        case .later(let answer):
            later(call) { host in
                let outcome: Result<Value, any Error>
                do { outcome = .success(try await answer(arguments, caller)) } catch {
                    outcome = .failure(error)
                }
                await host.finish(call, outcome)
            }
        case .long(let answer):
            later(call) { host in
                do { await host.finish(call, try await answer(arguments)) } catch {
                    await host.finish(call, .failure(error))
                }
            }
        }
    }

    private func finish(_ call: Call, _ result: LongResult) {
        noteAnswer(call, .ok, "")
        server?.answer(call, result: result)
    }

    private func finish(_ call: Call, _ outcome: Result<Value, any Error>) {
        do {
            finish(call, .ok, result: try outcome.get())
        } catch let failure as QueryFailure {
            finish(call, failure.code, failure.text, result: failure.result)
        } catch { finish(call, .queryFailed, "\(error)") }
    }

    /// What the agent is and can do.
    private var description: Value {
        let identity = settings.identity
        return [
            "instance": .string(identity.instance), "class": .string(identity.className),
            "host": .string(identity.host), "pid": .int(identity.pid),
            "version": .string(identity.version), "epoch": .int(log.epoch),
            "feeds": .array((agent.feeds + BuiltInFeed.all).map(\.value)),
            "operations": .array(agent.operations.map(\.value)),
            "control": controlValue,
            "needs": .map(queries.mapValues { .string("\($0.needs)") }),
            "queries": .array(queries.keys.sorted().map(Value.string)),
        ]
    }
}

extension SessionBook.Refusal {
    var code: ReplyCode {
        switch self {
        case .unknownOperation: .operationUnknown
        case .busy, .stopping: .operationBusy
        case .idle: .operationIdle
        case .notAbortable, .wrongKind: .operationNotAbortable
        }
    }

    /// The session that stands in the way.
    var session: Value {
        switch self {
        case .busy(let session), .stopping(let session): ["session": session.value]
        default: .null
        }
    }
}
