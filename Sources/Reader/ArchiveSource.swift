internal import Archive
internal import Telemetry

final class ArchiveSource: SampleSource {
    init(directory: String) {}
    func refresh() throws(QueryError) {}
    func fields(in range: Range<Timestamp>) throws(QueryError) -> [FieldSummary] { [] }
    func slice(
        of fields: [FieldName], in range: Range<Timestamp>, limit: Int
    ) throws(QueryError) -> TimelineSlice { throw .archive("x") }
    func finalizedUntil(instance: String, feed: String) throws(QueryError) -> Timestamp? { nil }
    func gaps(in range: Range<Timestamp>) throws(QueryError) -> [LedgerEntry] { [] }
}
