internal import ArchiveFormat
internal import Glibc
internal import Log
public import Telemetry

/// One file of an archive, as `cerro archive ls` shows it.
public struct ListedFile: Sendable {
    /// The file, relative to the archive, and its length in bytes.
    public let path: String, byteCount: Int
    /// How many timelines and rows it has.
    public let timelines: Int, rows: Int
    /// The first and last time of a row; nil if there is none.
    public let first: Timestamp?, last: Timestamp?
    /// Why it cannot be read; nil if it can.
    public let problem: String?
    /// What is wrong with the ends of one that can be read; nil if nothing is.
    public let flaw: String?
}

/// One row of a file, as `cerro archive cat` shows it.
public struct ArchiveRow: Sendable {
    /// The instance and the declaration that the row follows.
    public let instance: String, feed: Feed
    /// When the row was sampled.
    public let timestamp: Timestamp
    /// A value for each field, in declared order; null where it is missing.
    public let values: [Value]
}

/// What the command line does with the files of an archive; nothing here needs a reader.
public enum ArchiveTool {
    /// All journals and sealed files, in order of creation.
    public static func list(_ directory: ArchiveDirectory) throws(ArchiveError) -> [ListedFile] {
        try directory.files().map { file in
            let size = try? directory.disk.open(directory.full(file), .read).size()
            var count = 0
            var rows = 0
            var first: Timestamp?
            var last: Timestamp?
            var problem: String?
            var flaw: String?
            do {
                try forEachTimeline(file, directory) { _, _, times, _ in
                    count += 1
                    rows += times.count
                    first = [first, times.min().map(Timestamp.init(nanoseconds:))]
                        .compactMap(\.self).min()
                    last = [last, times.max().map(Timestamp.init(nanoseconds:))]
                        .compactMap(\.self).max()
                }
                if file.kind == .sealed {
                    let flaws = try SealedFile.open(directory.full(file), disk: directory.disk)
                        .flaws.map(\.description)
                    flaw = flaws.isEmpty ? nil : flaws.joined(separator: "; ")
                }
            } catch {
                problem = "\(error)"
            }
            return ListedFile(
                path: file.path,
                byteCount: size ?? 0,
                timelines: count,
                rows: rows,
                first: first,
                last: last,
                problem: problem,
                flaw: flaw
            )
        }
    }

    /// The paths of all journals and sealed files, in order of creation; none of them is opened.
    public static func paths(_ directory: ArchiveDirectory) throws(ArchiveError) -> [String] {
        try directory.files().map(\.path)
    }

    /// Gives `body` the rows of one file, timeline by timeline.
    ///
    /// The path is relative to the archive, as ``list(_:)`` gives it.
    public static func cat(
        _ path: String,
        in directory: ArchiveDirectory,
        _ body: (ArchiveRow) throws -> Void
    ) throws {
        guard let file = ArchiveFile(path: path) else {
            throw ArchiveError.journal(
                "\(path): no file of an archive: write it as `cerro archive ls` does, relative to "
                    + directory.path
            )
        }
        try forEachTimeline(file, directory) { instance, feed, times, columns in
            let columns = try columns()
            for row in times.indices {
                try body(
                    ArchiveRow(
                        instance: instance,
                        feed: feed,
                        timestamp: Timestamp(nanoseconds: times[row]),
                        values: columns.map { $0.value(at: row) }
                    )
                )
            }
        }
    }

    /// Builds the index anew beside the old one, and puts it in its place.
    ///
    /// - Parameters:
    ///   - directory: the archive, which no reader has open.
    ///   - holder: who does it, for a reader that is refused meanwhile.
    ///   - progress: called with the number of files done and of all.
    /// - Returns: the files that cannot be read, a line each.
    /// - Throws: ``ArchiveError``; the old index is then as it was.
    public static func reindex(
        _ directory: ArchiveDirectory,
        holder: String,
        progress: (Int, Int) -> Void
    ) throws(ArchiveError) -> [String] {
        let lock = try directory.lock("index.lock", holder: holder)
        defer { lock.unlock() }
        let path = "\(directory.path)/index.sqlite"
        ArchiveIndex.delete(path + ".new")
        let index = try ArchiveIndex(directory, name: "index.sqlite.new")
        let files = try directory.files()
        let change = try index.refresh(files, days: nil, progress: progress)
        try index.close()
        do throws(DiskError) {
            // An index without a checksum is filled anew: so no step may be the last but the end.
            for suffix in [".sum", "-journal", "-wal", "-shm"] {
                try directory.disk.removeIfThere(path + suffix)
            }
            try directory.disk.rename(path + ".new", to: path)
            try directory.disk.rename(path + ".new.sum", to: path + ".sum")
            try directory.disk.syncFolder(directory.path)
        } catch {
            throw .disk(error)
        }
        return change.problems
    }

    /// Calls `body` with each timeline of a file: instance, feed, times, and its columns on demand.
    private static func forEachTimeline(
        _ file: ArchiveFile,
        _ directory: ArchiveDirectory,
        _ body: (String, Feed, [Int64], () throws -> [Column]) throws -> Void
    ) throws {
        let path = directory.full(file)
        guard file.kind == .journal else {
            let sealed = try SealedFile.open(path, disk: directory.disk)
            for timeline in sealed.footer.timelines {
                let times = try timeline.groups.flatMap { try sealed.times(of: $0, in: timeline) }
                try body(timeline.instance, timeline.feed, times) {
                    let fields = Array(timeline.feed.fields.indices)
                    return try sealed.columns(timeline, fields: fields, range: .allOfTime).columns
                }
            }
            return
        }
        let follower = JournalFollower(try directory.disk.open(path, .read))
        var segment = OpenSegment(file: file, follower: follower)
        try follower.read(isClosed: false) {
            segment.note($0)
        } others: {
            segment.note($0)
        }
        for (_, timeline) in segment.timelines.sorted(by: { $0.key < $1.key }) {
            let rows = try timeline.rows()
            try body(timeline.instance, timeline.feed, rows.times) { rows.columns }
        }
    }
}

extension Range<Timestamp> {
    /// Every instant but the last one that an Int64 holds, which nobody publishes.
    static let allOfTime = Timestamp(nanoseconds: .min)..<Timestamp(nanoseconds: .max)
}
