public import ArchiveFormat
public import Log
public import Telemetry

/// A sealed file that is open for reading; may be used by several threads at once.
public final class SealedFile: Sendable {
    /// Where it is.
    public let path: String
    /// What it says about itself.
    public let footer: SealedFooter
    /// Its length in bytes.
    public let byteCount: Int
    private let file: any SegmentFile

    private init(path: String, footer: SealedFooter, byteCount: Int, file: any SegmentFile) {
        self.path = path
        self.footer = footer
        self.byteCount = byteCount
        self.file = file
    }

    /// Opens the file at `path` and checks both ends and the footer; the columns when read.
    public static func open(
        _ path: String,
        disk: any Disk = SystemDisk()
    ) throws(ArchiveError) -> SealedFile {
        let file: any SegmentFile
        let size: Int
        let head: [UInt8]
        let trailer: [UInt8]
        do throws(DiskError) {
            file = try disk.open(path, .read)
            size = try file.size()
            head = try file.bytes(0..<SealedLayout.headLength)
            trailer = try file.bytes(max(0, size - SealedLayout.trailerLength)..<max(0, size))
        } catch {
            throw .disk(error)
        }
        let footer: SealedFooter
        do throws(SealedFileError) {
            try SealedLayout.check(head: head)
            let range = try SealedLayout.footerRange(trailer: trailer, fileLength: size)
            guard range.count <= Limits.footerRead,
                let bytes = try? file.bytes(range), bytes.count == range.count
            else { throw .footer("\(range.count) bytes of it cannot be read") }
            footer = try SealedLayout.footer(bytes, trailer: trailer)
        } catch {
            throw .sealedFile(path: path, error)
        }
        return SealedFile(path: path, footer: footer, byteCount: size, file: file)
    }

    /// The bytes of `chunk`, whose checksum nobody has looked at yet.
    func bytes(of chunk: Chunk) throws(ArchiveError) -> [UInt8] {
        guard chunk.offset + chunk.byteCount <= byteCount else { return [] }
        do {
            return try file.bytes(chunk.offset..<(chunk.offset + chunk.byteCount))
        } catch {
            throw .disk(error)
        }
    }

    /// The column of `rows` values of `type` in `chunk`.
    public func column(
        _ chunk: Chunk,
        _ type: FieldType,
        rows: Int,
        of subject: String
    ) throws(ArchiveError) -> Column {
        let bytes = try bytes(of: chunk)
        do throws(ChunkError) {
            return try bytes.withUnsafeBufferPointer { (buffer) throws(ChunkError) -> Column in
                try ChunkCodec.decode(UnsafeRawBufferPointer(buffer), chunk, type, rows: rows)
            }
        } catch {
            throw .chunk(path: path, offset: chunk.offset, of: subject, error)
        }
    }

    /// The N times of `group`, in non-decreasing order.
    public func times(
        of group: SealedGroup,
        in timeline: SealedTimeline
    ) throws(ArchiveError)
        -> [Int64]
    {
        let subject = "times of \(timeline.instance).\(timeline.feed.name)"
        let column = try column(group.times, .int, rows: group.rows, of: subject)
        guard case .ints(let times) = column.values else { return [] }
        return times
    }

    /// The samples of some fields in `range`, and their times.
    ///
    /// `fields` are the places of the fields in the declaration.
    public func columns(
        _ timeline: SealedTimeline,
        fields: [Int],
        range: Range<Timestamp>
    ) throws(ArchiveError) -> (timestamps: [Timestamp], columns: [Column]) {
        var timestamps: [Timestamp] = []
        var builders = fields.map { ColumnBuilder(timeline.feed.fields[$0].type) }
        for group in timeline.groups
        where group.first < range.upperBound && group.last >= range.lowerBound {
            let times = try times(of: group, in: timeline)
            let rows = rowsOf(range, in: times)
            timestamps += times[rows].map { Timestamp(nanoseconds: $0) }
            for (place, field) in fields.enumerated() {
                let declared = timeline.feed.fields[field]
                let column = try column(
                    group.columns[field].chunk,
                    declared.type,
                    rows: group.rows,
                    of: "\(timeline.instance).\(timeline.feed.name).\(declared.name)"
                )
                builders[place].append(column, rows: rows)
            }
        }
        return (timestamps, builders.map(\.column))
    }
}

/// The rows of sorted `times` that lie in `range`.
func rowsOf(_ range: Range<Timestamp>, in times: [Int64]) -> Range<Int> {
    let from = times.partitioningIndex { $0 >= range.lowerBound.nanoseconds }
    let to = times.partitioningIndex { $0 >= range.upperBound.nanoseconds }
    return from..<max(from, to)
}

extension [Int64] {
    /// The first place from which on `isBehind` holds.
    func partitioningIndex(_ isBehind: (Int64) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
