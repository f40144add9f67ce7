internal import Telemetry

/// Records of one epoch that came while the clock of their host was off.
struct ClockNote {
    let epoch: Int64, first: Int64
    let from: Timestamp
    /// When the first of them came, on the monotonic clock.
    let since: Duration
    var end: Int64 = 0
    var to = Timestamp(nanoseconds: 0)
    var lead = Duration.zero

    init(epoch: Int64, first: Int64, from: Timestamp, since: Duration) {
        self.epoch = epoch
        self.first = first
        self.from = from
        self.since = since
    }

    /// The row of the ledger; the records are there, so it is none about what is missing.
    func entry(of instance: String) -> LedgerEntry {
        LedgerEntry(
            kind: .clock,
            instance: instance,
            feed: nil,
            from: min(from, to),
            to: max(from, to) + .nanoseconds(1),
            count: end - first,
            cause: lead.clockText("the clock of its host", "the aggregator's"),
            epoch: epoch,
            first: first
        )
    }
}
