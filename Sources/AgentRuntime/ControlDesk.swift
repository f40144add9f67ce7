internal import Telemetry

/// Who has control of the agent.
///
/// A value without a clock. At most one caller has control; it ends by itself after the time for
/// which it was taken, on the monotonic clock, and with the agent.
struct ControlDesk: Sendable {
    /// Why control is not taken or given back.
    enum Refusal: Error, Hashable, Sendable {
        case held(Control)
        case reasonMissing
        case duration(Duration)
        case adminOnly(Control)

        var text: String {
            switch self {
            case .held(let control):
                "\(control). Ask \(control.holder), or wait; an admin may break it"
            case .reasonMissing:
                "who takes control says why, in 1 to \(RuntimeLimits.controlReason) characters: "
                    + "give `reason`"
            case .duration(let duration):
                "control for \(duration.inSeconds) s is not possible, from 1 s to "
                    + "\(Int(RuntimeLimits.longestControl.inSeconds / 3600)) h is"
            case .adminOnly(let control): "\(control). Only an admin may break it"
            }
        }
    }

    private(set) var control: Control?
    private var deadline: Duration = .zero

    /// Who stands in the way of a caller's command; nil for nobody.
    func obstacle(to caller: Caller) -> Control? {
        control.flatMap { $0.isHeld(by: caller) ? nil : $0 }
    }

    /// Takes control, or goes on with it; what comes back is what there was before.
    ///
    /// `canBreak` says whether the caller may take it from somebody, nil that it is not asked for.
    mutating func take(
        _ caller: Caller,
        reason: String,
        for duration: Duration,
        canBreak: Bool?,
        at now: Timestamp,
        monotonic: Duration
    ) throws(Refusal) -> Control? {
        guard !reason.isEmpty, reason.count <= RuntimeLimits.controlReason else {
            throw .reasonMissing
        }
        guard duration >= .seconds(1), duration <= RuntimeLimits.longestControl else {
            throw .duration(duration)
        }
        try check(caller, canBreak)
        let former = control
        let since = former.flatMap { $0.isHeld(by: caller) ? $0.since : nil } ?? now
        control = Control(holder: caller, reason: reason, since: since, until: now + duration)
        deadline = monotonic + duration
        return former
    }

    /// Gives control back; what comes back is what there was, nil where nobody had it.
    mutating func release(_ caller: Caller, canBreak: Bool?) throws(Refusal) -> Control? {
        try check(caller, canBreak)
        defer { control = nil }
        return control
    }

    /// Ends control whose time is over, and tells whose it was.
    mutating func expire(at monotonic: Duration) -> Control? {
        guard control != nil, monotonic >= deadline else { return nil }
        defer { control = nil }
        return control
    }

    private func check(_ caller: Caller, _ canBreak: Bool?) throws(Refusal) {
        guard let obstacle = obstacle(to: caller) else { return }
        switch canBreak {
        case true?: return
        case false?: throw .adminOnly(obstacle)
        case nil: throw .held(obstacle)
        }
    }
}
