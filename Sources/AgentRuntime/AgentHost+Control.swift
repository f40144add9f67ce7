internal import Access
internal import Logging
internal import MessageBus
internal import Telemetry

// Control: who has taken it starts and stops operations alone, until it ends by itself.

extension AgentHost {
    /// Whether the caller may take control from somebody.
    func mayBreakControl(_ caller: Caller) -> Bool {
        access.table.decide(
            caller,
            needs: .role(.admin),
            instance: settings.identity.instance,
            operation: Action.take,
            at: time.now
        ).isAllowed
    }

    /// Refuses a command while somebody else has control; whether it did.
    func refusesForControl(_ call: Call) -> Bool {
        guard Action.controlled.contains(call.request.action) else { return false }
        endOverdueControl()
        guard let control = control.obstacle(to: caller(of: call)) else { return false }
        finish(
            call,
            .controlHeld,
            ControlDesk.Refusal.held(control).text,
            result: ["control": control.value]
        )
        return true
    }

    /// The actions `take` and `release`: written to the audit, then carried out.
    func changeControl(_ call: Call) {
        endOverdueControl()
        // What would be refused is no command that begins.
        var trial = control
        do throws(ControlDesk.Refusal) {
            _ = try change(&trial, call)
        } catch {
            return refuse(call, error)
        }
        let entry = auditEntry(call)
        let isAccepted = audited(entry) { $0.carryOut(call, entry) }
        if !isAccepted { refuse(call) }
    }

    private func carryOut(_ call: Call, _ entry: AuditEntry) {
        endOverdueControl()
        let began = time.monotonic
        let former: Control?
        do throws(ControlDesk.Refusal) {
            former = try change(&control, call)
        } catch {
            // Somebody else was faster while this was written.
            note(entry.ended(.failed, error.text, after: .zero))
            server?.answer(call, code: .controlHeld, text: error.text)
            return
        }
        let who = caller(of: call)
        if let former {
            let how = former.isHeld(by: who) ? "" : "broken by \(who)"
            noteEndOfControl(former.isHeld(by: who) && control.control != nil ? "renewed" : how)
        }
        if let control = control.control {
            audit.begin(entry, with: .control, at: began)
            logger.notice(
                "control is taken",
                metadata: ["holder": "\(control.holder)", "until": "\(control.until)"]
            )
        } else {
            note(entry.ended(.done, "", after: time.monotonic - began))
        }
        finish(call, .ok, result: ["control": controlValue])
    }

    /// What a request to take or release control does.
    private func change(
        _ desk: inout ControlDesk,
        _ call: Call
    ) throws(ControlDesk.Refusal) -> Control? {
        let arguments = call.request.arguments
        let who = caller(of: call)
        let canBreak = arguments["break"]?.bool == true ? mayBreakControl(who) : nil
        guard call.request.action == Action.take else {
            return try desk.release(who, canBreak: canBreak)
        }
        let duration =
            arguments["duration_ns"]?.int.map { Duration.nanoseconds($0) }
            ?? RuntimeLimits.usualControl
        return try desk.take(
            who,
            reason: arguments["reason"]?.string ?? "",
            for: duration,
            canBreak: canBreak,
            at: time.now,
            monotonic: time.monotonic
        )
    }

    private func refuse(_ call: Call, _ refusal: ControlDesk.Refusal) {
        switch refusal {
        case .held(let control):
            finish(call, .controlHeld, refusal.text, result: ["control": control.value])
        case .adminOnly(let control):
            finish(call, .refused, refusal.text, result: ["control": control.value])
        case .reasonMissing, .duration: finish(call, .parameterInvalid, refusal.text)
        }
    }

    /// Ends control whose time is over.
    func endOverdueControl() {
        guard control.expire(at: time.monotonic) != nil else { return }
        noteEndOfControl("its time was over")
    }

    private func noteEndOfControl(_ how: String) {
        for var entry in audit.end(.control, failure: nil, at: time.monotonic) {
            entry.reason = how
            note(entry)
        }
    }

    /// Who has control, as replies and heartbeats show it.
    var controlValue: Value { control.control?.value ?? .null }
}
