internal import Log
internal import Logging
internal import MessageBus
internal import Telemetry

// The audit: who asked for what. What begins is written before it does anything; what ends, and
// what is refused, in the order in which it happened.

/// Why a command that was accepted was not carried out.
struct AuditFailure: Error, CustomStringConvertible {
    let reason: String

    var description: String {
        "nothing was done, since the audit cannot be written: \(reason)"
    }
}

extension AgentHost {
    /// Whether the action changes something, so that its request is audited.
    func isCommand(_ action: String) -> Bool {
        !Action.effectFree.contains(action) && queries[action] == nil
    }

    /// The entry of a request that is accepted.
    func auditEntry(_ call: Call, _ outcome: AuditEntry.Outcome = .started) -> AuditEntry {
        let arguments = call.request.arguments
        let operation = arguments["operation"]?.string ?? ""
        let known = try? book.operation(operation)
        let secrets = known?.parameters.filter(\.isSecret).map(\.name) ?? []
        var parameters = ""
        if let given = arguments["parameters"], given != [:], given != .null {
            parameters = given.withoutSecrets(named: Set(secrets)).json
        } else if operation.isEmpty, case .map(let given) = arguments, !given.isEmpty {
            parameters = arguments.withoutSecrets().json
        }
        if parameters.utf8.count > RuntimeLimits.auditedParameters {
            // Cut JSON is no JSON, and the whole might fill the archive.
            parameters = "{\"\":\"\(parameters.utf8.count) bytes, too many for the audit\"}"
        }
        return AuditEntry(
            request: call.request.id.hexadecimal,
            outcome: outcome,
            caller: caller(of: call),
            action: call.request.action,
            operation: String(operation.prefix(RuntimeLimits.auditedName)),
            parameters: parameters
        )
    }

    /// Writes that a command begins; returns when the log has it.
    ///
    /// - Throws: ``AuditFailure``.
    nonisolated func writeAudit(_ entry: AuditEntry, at begin: Timestamp) async throws {
        let block = BuiltInFeed.block(of: entry, at: begin)
        do { try await log.append(BuiltInFeed.audit, [block], atOnce: true) } catch {
            throw AuditFailure(reason: "\(error)")
        }
        _ = feeds[BuiltInFeed.audit.name]?.note([block], from: begin, at: time.now)
    }

    /// Writes that a command begins, and then carries it out, unwritten as well: who stops
    /// something must be able to, whatever the disk does.
    ///
    /// - Returns: false where too much waits already; nothing will be done.
    func audited(
        _ entry: AuditEntry,
        _ body: @escaping @Sendable (isolated AgentHost) -> Void
    ) -> Bool {
        let begin = time.now
        return spawn { [weak self] in
            guard let self else { return }
            do { try await writeAudit(entry, at: begin) } catch {
                logger.error(
                    "a command is not in the audit",
                    metadata: ["action": "\(entry.action)", "reason": "\(error)"]
                )
            }
            onReactor(body)
        }
    }

    /// Records of the audit since the agent began.
    var auditedCount: Int64 { feeds[BuiltInFeed.audit.name]?.value["records"]?.int ?? 0 }

    /// Puts an entry behind what the log waits for already.
    func note(_ entry: AuditEntry) {
        record(BuiltInFeed.audit, BuiltInFeed.block(of: entry, at: time.now))
    }

    /// The end of a session is that of the commands that were about it.
    func noteEnd(of session: Int64, failure: String?) {
        audit.end(.session(session), failure: failure, at: time.monotonic).forEach(note)
    }

    /// Notes an answer that says that nothing was done.
    func noteAnswer(_ call: Call, _ code: ReplyCode, _ text: String) {
        switch code {
        case .ok, .operationFailed, .waitTimeout: return
        case .refused: break
        default: if !isCommand(call.request.action) { return }
        }
        guard !audit.isUnderWay(call.request.id.hexadecimal) else { return }
        noteRefusal(call, code == .requestStale ? .expired : .refused, text)
    }

    /// Notes a request that the ledger has settled: refused, or asked once more.
    func noteSettled(_ call: Call, _ verdict: RequestLedger.Verdict) {
        guard isCommand(call.request.action) else { return }
        switch verdict {
        case .run, .runWithoutEffect: break
        case .answered, .joined: noteRefusal(call, .repeated, "")
        case .refused(.requestStale, let text): noteRefusal(call, .expired, text)
        case .refused(_, let text): noteRefusal(call, .refused, text)
        }
    }

    /// Notes a request of which nothing was done; some are counted only, where they are many.
    func noteRefusal(_ call: Call, _ outcome: AuditEntry.Outcome, _ reason: String) {
        var entry = auditEntry(call, outcome)
        entry.reason = String(reason.prefix(RuntimeLimits.messageLength))
        noteRefusal(entry)
    }

    /// Notes a refusal, as far as there are not too many of them.
    func noteRefusal(_ entry: AuditEntry) {
        noteLeftOutRefusals()
        if audit.lists(refusalAt: time.monotonic) { note(entry) }
    }

    /// Says how many refusals were left out, once their period is over.
    func noteLeftOutRefusals(isLast: Bool = false) {
        if let entry = audit.summary(at: time.monotonic, isLast: isLast) { note(entry) }
    }

    /// Says of all that is under way that the agent ends before it.
    func closeAudit() {
        audit.abandon(because: "the agent ended before it", at: time.monotonic).forEach(note)
        noteLeftOutRefusals(isLast: true)
    }
}

extension [UInt8] {
    /// Two lowercase digits a byte.
    var hexadecimal: String {
        let digits = Array<UInt8>("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: 2 * count) { text in
            for (index, byte) in enumerated() {
                text[2 * index] = digits[Int(byte >> 4)]
                text[2 * index + 1] = digits[Int(byte & 15)]
            }
            return 2 * count
        }
    }
}
