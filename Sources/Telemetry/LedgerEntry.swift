/// A row of the ledger: samples that are missing or doubtful, and why.
///
/// Rows that name positions are exact: within one archive no record is both there and named by a
/// row of the kind ``Kind/missing``, and none is named by two.
public struct LedgerEntry: Hashable, Sendable {
    /// What a row says of the samples.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// They are not there.
        case missing
        /// They are there, but the clock that dated them was off.
        case clock
        /// They were there, and retention has removed them, as the site file says.
        case retention
    }

    /// What the row says.
    public var kind: Kind
    /// The instance whose samples they are.
    public var instance: String
    /// The feed, nil when all feeds of the instance are concerned.
    public var feed: String?
    /// The first instant that is concerned, and the first after it that is not.
    public var from: Timestamp, to: Timestamp
    /// How many records are concerned, nil where nobody can know.
    public var count: Int64?
    /// Why: `spool full`, `damage`, `power loss, at most 1 s`.
    public var cause: String
    /// The epoch of the instance's log, nil where the row is not about records of one.
    public var epoch: Int64?
    /// The position of the first of the records, which follow each other; nil where nobody knows.
    public var first: Int64?

    /// A row of the ledger.
    public init(
        kind: Kind = .missing,
        instance: String,
        feed: String?,
        from: Timestamp,
        to: Timestamp,
        count: Int64?,
        cause: String,
        epoch: Int64? = nil,
        first: Int64? = nil
    ) {
        self.kind = kind
        self.instance = instance
        self.feed = feed
        self.from = from
        self.to = to
        self.count = count
        self.cause = cause
        self.epoch = epoch
        self.first = first
    }

    /// The positions of the records, where the row knows them.
    public var positions: Range<Int64>? {
        guard let first, let count, count > 0 else { return nil }
        return first..<(first + count)
    }
}
