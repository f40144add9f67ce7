internal import ArgumentParser
internal import Reader
internal import Telemetry

/// The options `--start` and `--end`.
struct RangeOption: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "From when on.",
            discussion: "ISO 8601, Unix seconds, `now`, or a time before now: -1h, -90s, -3600.",
            valueName: "time"
        )
    )
    var start: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Until when, not included; now if left out.", valueName: "time")
    )
    var end: String?

    /// The range, resolved by one reading of the clock.
    func range(
        at now: Timestamp,
        from fallback: Timestamp,
        to fallbackEnd: Timestamp? = nil
    ) throws(CommandFailure) -> Range<Timestamp> {
        let first: Timestamp
        let last: Timestamp
        do {
            first =
                try start.map { text throws(QueryError) in
                    try TimeArgument(text, argument: "--start", isStart: true)
                        .resolved(at: now)
                } ?? fallback
            last =
                try end.map { text throws(QueryError) in
                    try TimeArgument(text, argument: "--end").resolved(at: now)
                } ?? fallbackEnd ?? now
        } catch { throw CommandFailure(.usage, "\(error)") }
        guard first < last else {
            throw CommandFailure(
                .usage,
                "the start \(first) is not before the end \(last); the end is not included"
            )
        }
        return first..<last
    }
}
