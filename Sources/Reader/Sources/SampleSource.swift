internal import Archive
internal import Telemetry

/// Where answers come from: the archive, or a test.
///
/// Calls block, may come from several threads, and see what the last ``refresh()`` saw.
protocol SampleSource: Sendable {
    /// Takes note of what the archive has got since the last time.
    func refresh() throws(QueryError)
    /// The fields with samples in the range; may list some that have none.
    func fields(in range: Range<Timestamp>) throws(QueryError) -> [FieldSummary]
    /// Fields of one timeline in the range, at most `limit` rows of them.
    func slice(
        of fields: [FieldName],
        in range: Range<Timestamp>,
        limit: Int
    ) throws(QueryError) -> TimelineSlice
    /// Fields of one timeline as the buckets of a grid; nil if they were more than `limit` buckets
    /// of fields. Stops at the deadline.
    func buckets(
        of fields: [FieldName],
        on grid: BucketGrid,
        limit: Int,
        _ deadline: Deadline
    ) throws(QueryError) -> TimelineBuckets?
    /// Before which instant the samples of a timeline will not change; nil if nobody knows it.
    func finalizedUntil(instance: String, feed: String) throws(QueryError) -> Timestamp?
    /// How many rows of each timeline that is wanted (`instance.feed`) lie between the edges.
    func rowCounts(
        between edges: [Timestamp],
        of isWanted: (String) -> Bool
    ) throws(QueryError) -> [RowCounts]
    /// What is known to be missing in the range.
    func gaps(in range: Range<Timestamp>) throws(QueryError) -> [LedgerEntry]
    /// How Cerro's own archive stands; nil if there is none.
    func status() throws(QueryError) -> ArchiveStatus?
    /// How many files are cut, damaged or cannot be read, as far as that was met.
    func damagedFiles() throws(QueryError) -> Int
    /// Lets go of the archive, so that another reader may open it; the next refresh opens it anew.
    func close()
}

extension SampleSource {
    func status() throws(QueryError) -> ArchiveStatus? { nil }
    func damagedFiles() throws(QueryError) -> Int { 0 }
    func close() {}
}
