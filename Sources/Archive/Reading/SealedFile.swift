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
    /// The bytes that the footer takes in memory, about.
    let footerByteCount: Int
    /// What told it from others at the same path when it was opened.
    let stamp: SealedStamp
    private let file: any SegmentFile

    /// The footer that counts.
    private let end: SealedEnd

    /// What is wrong with the head and the footers, and costs nothing but what ``lost`` says.
    public let flaws: [SealedFileError]

    /// The bytes that no footer describes any more, in order; see ``SealedEnd/lost``.
    var lost: [Range<Int>] { end.lost }

    private init(
        path: String,
        end: SealedEnd,
        byteCount: Int,
        file: any SegmentFile,
        stamp: SealedStamp,
        flaws: [SealedFileError]
    ) {
        self.path = path
        self.end = end
        footer = end.footer
        footerByteCount = footer.timelines.reduce(4096) { sum, timeline in
            timeline.groups.reduce(sum + 64 * timeline.feed.fields.count) { sum, group in
                let rollups = group.rollups.count * group.columns.count * 5
                let chunks = (1 + rollups) * MemoryLayout<Chunk>.stride
                return sum + chunks + group.columns.count * MemoryLayout<SealedColumn>.stride
            }
        }
        self.byteCount = byteCount
        self.stamp = stamp
        self.file = file
        self.flaws = flaws
    }

    /// Opens the file at `path` and checks both ends and the footer; the columns when read.
    ///
    /// Where the last footer is damaged or cut off, the parts of it before it count: what they
    /// describe is there, and ``lost`` says what is not. A damaged head costs nothing.
    public static func open(
        _ path: String,
        disk: any Disk = SystemDisk()
    ) throws(ArchiveError) -> SealedFile {
        let file: any SegmentFile
        let size: Int
        do throws(DiskError) {
            file = try disk.open(path, .read)
            size = try file.size()
        } catch {
            throw .disk(error)
        }
        let head = Result { () throws(DiskError) in try file.bytes(0..<SealedLayout.headLength) }
        do throws(SealedFileError) {
            let end = try SealedEnd.read(file, size: size)
            let damage = SealedLayout.damage(
                head: (try? head.get()) ?? [],
                version: end.version
            )
            return SealedFile(
                path: path,
                end: end,
                byteCount: size,
                file: file,
                stamp: (try? SealedStamp(of: file)) ?? .none,
                flaws: [damage].compactMap(\.self) + end.flaws
            )
        } catch {
            throw refusal(of: path, head: head, error)
        }
    }

    /// Why a file without a footer is none: at its head it says that it is something else, or
    /// newer.
    private static func refusal(
        of path: String,
        head: Result<[UInt8], DiskError>,
        _ end: SealedFileError
    ) -> ArchiveError {
        switch head {
        case .failure(let error): return .disk(error)
        case .success(let bytes):
            do throws(SealedFileError) {
                try SealedLayout.check(head: bytes)
                return .sealedFile(path: path, end)
            } catch {
                return .sealedFile(path: path, error)
            }
        }
    }

    /// Whether the file at `path` has a good last footer.
    static func hasFooter(_ path: String, disk: any Disk) -> Bool {
        guard let file = try? disk.open(path, .read), let size = try? file.size() else {
            return false
        }
        var allowance = FooterAllowance(stored: size, plain: SealedLimits.plainBytesPerFooter)
        return (try? SealedEnd(of: file, at: size, &allowance))?.footer.part == .some(nil)
    }

    /// The ``flaws``, and what is wrong with the other footers, which are not needed to open the
    /// file.
    func allFlaws() -> [SealedFileError] {
        flaws + end.flawsOfParts(in: file, size: byteCount)
    }

    /// What to say of a file at `path` that has flaws, and is read all the same; nil for others.
    func warning(at path: String) -> String? {
        flaws.isEmpty ? nil : "\(path): " + flaws.map(\.asWarning).joined(separator: "; ")
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

    /// The bytes of `chunk`, which `subject` calls by name, as they were written.
    func checked(_ chunk: Chunk, of subject: String) throws(ArchiveError) -> CheckedChunk {
        let bytes = try bytes(of: chunk)
        do throws(ChunkError) {
            return try CheckedChunk(bytes, chunk)
        } catch {
            throw .chunk(path: path, offset: chunk.offset, of: subject, error)
        }
    }

    /// The column of `rows` values of `type` in `chunk`.
    public func column(
        _ chunk: Chunk,
        _ type: FieldType,
        rows: Int,
        of subject: String
    ) throws(ArchiveError) -> Column {
        let checked = try checked(chunk, of: subject)
        do throws(ChunkError) {
            return try checked.column(type, rows: rows)
        } catch {
            throw .chunk(path: path, offset: chunk.offset, of: subject, error)
        }
    }

    /// The statistics of one field in a roll-up, bucket by bucket, and where the buckets begin.
    ///
    /// `read` gives the column of a chunk, of a type and so many rows. Nil for texts, which have
    /// none.
    func statistics(
        of field: Int,
        in rollup: SealedRollup,
        read: (Chunk, FieldType, Int) throws(ArchiveError) -> Column
    ) throws(ArchiveError) -> (starts: [Int64], statistics: [Statistics])? {
        guard let pieces = rollup.columns[field] else { return nil }
        let n = rollup.buckets
        let starts = try read(rollup.starts, .int, n).integers
        let rows = try rollup.rows.map { (chunk) throws(ArchiveError) in
            try read(chunk, .int, n).integers
        }
        let counts = try pieces.counts.map { (chunk) throws(ArchiveError) in
            try read(chunk, .int, 2 * n).integers
        }
        var numbers: [Double] = []
        for chunk in pieces.numbers {
            let column = try read(chunk, .double, 3 * n / pieces.numbers.count)
            if case .doubles(let values) = column.values { numbers += values }
        }
        let statistics = Rollup.statistics(counts: counts, rows: rows ?? [], numbers: numbers)
        guard let statistics else {
            throw .sealedFile(path: path, .footer("the chunks of a roll-up do not fit"))
        }
        return (starts, statistics)
    }

    /// The N times of `group`, in non-decreasing order.
    public func times(
        of group: SealedGroup,
        in timeline: SealedTimeline
    ) throws(ArchiveError)
        -> [Int64]
    {
        let subject = "times of \(timeline.instance).\(timeline.feed.name)"
        return try column(group.times, .int, rows: group.rows, of: subject).integers
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

extension Column {
    /// The values of a column of integers; none of others.
    var integers: [Int64] { if case .ints(let values) = values { values } else { [] } }
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
