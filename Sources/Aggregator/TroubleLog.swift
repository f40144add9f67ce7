internal import Telemetry

/// What to say of a journal that takes nothing: once when that begins, once when it is over, and
/// once when all that was spooled meanwhile is here.
struct TroubleLog {
    private enum Phase {
        case fine
        case trouble(JournalTrouble, since: Duration)
        case catchingUp(since: Duration, bytes: Int64)
    }

    private var phase = Phase.fine

    /// What changed.
    enum Change: Hashable {
        case begun(JournalTrouble)
        case over
    }

    /// Looks at the journal; returns what changed, and a line for people.
    mutating func note(
        _ status: JournalStatus,
        at now: Duration
    ) -> (change: Change?, line: String?) {
        switch (phase, status.trouble) {
        case (.fine, nil), (.trouble(.low, _), .low?), (.trouble(.full, _), .full?),
            (.trouble(.stuck, _), .stuck?):
            return (nil, nil)
        case (.trouble(_, let since), let trouble?):
            // Another one, and still the same pause.
            phase = .trouble(trouble, since: since)
            return (.begun(trouble), trouble.text)
        case (_, let trouble?):
            phase = .trouble(trouble, since: now)
            return (.begun(trouble), trouble.text)
        case (.trouble(_, let since), nil):
            phase = .catchingUp(since: now, bytes: status.bytes)
            let seconds = Self.text(now - since)
            return (.over, "the journal takes records again after \(seconds) s; catching up")
        case (.catchingUp(let since, let bytes), nil):
            guard status.isCaughtUp else { return (nil, nil) }
            phase = .fine
            let count = status.bytes - bytes
            return (nil, "caught up: \(count) bytes in \(Self.text(now - since)) s")
        }
    }

    private static func text(_ duration: Duration) -> String {
        "\((duration.inSeconds * 10).rounded() / 10)"
    }
}
