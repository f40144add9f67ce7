internal import ArchiveFormat
internal import Telemetry

/// A column of rows that are still encoded, which is read when its place in an answer is known.
struct EncodedColumn: Sendable {
    /// What became of the values.
    enum Outcome {
        /// They are in their place, and those with a false flag are missing; nil if none is.
        case read(presence: [Bool]?)
        /// They cannot be read, of which note is taken.
        case lost
    }

    private let store: ArchiveStore
    private let source: RowSource
    private let field: Int?

    /// A field of `source`, which is a group or a chunk, or nil for its times.
    init(_ store: ArchiveStore, _ source: RowSource, field: Int?) {
        self.store = store
        self.source = source
        self.field = field
    }

    /// The type of the values.
    var type: FieldType { field.map { source.feed.fields[$0].type } ?? .int }

    /// How many values there are.
    var rows: Int { source.rowCount }

    /// Fills `space` with the values, or initializes nothing of it.
    func read(into space: ColumnSpace) throws(ArchiveError) -> Outcome {
        let presence = try decoded { (chunk) throws(ChunkError) in try chunk.read(into: space) }
        return presence.map { .read(presence: $0) } ?? .lost
    }

    /// The values; nil where they cannot be read, of which note is taken.
    func column() throws(ArchiveError) -> Column? {
        try decoded { (chunk) throws(ChunkError) in try chunk.column(type, rows: rows) }
    }

    private func decoded<Result>(
        _ body: (CheckedChunk) throws(ChunkError) -> Result
    ) throws(ArchiveError) -> Result? {
        switch source {
        case .group(let group, let timeline, let file, let path):
            let chunk = field.map { group.columns[$0].chunk } ?? group.times
            let name = "\(timeline.instance).\(timeline.feed.name)"
            let subject =
                field.map { "\(name).\(timeline.feed.fields[$0].name)" } ?? "times of \(name)"
            do throws(ArchiveError) {
                let checked = try store.checked(chunk, file, subject)
                do throws(ChunkError) {
                    return try body(checked)
                } catch {
                    throw .chunk(path: path, offset: chunk.offset, of: subject, error)
                }
            } catch {
                store.note(error, chunk, of: subject, group, timeline, path)
                return nil
            }
        case .chunk(let chunk, let timeline):
            let place = field.map { OpenChunk.firstField + $0 } ?? OpenChunk.times
            do throws(ChunkError) {
                return try body(try chunk.checked(place))
            } catch {
                throw .journal("rows of \(timeline.name) in memory: \(error)")
            }
        case .tail, .journal: preconditionFailure("these rows are not encoded")
        }
    }
}
