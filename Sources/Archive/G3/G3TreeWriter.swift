internal import ArchiveFormat
internal import G3Format
internal import Log
public import Telemetry

/// Rows of one timeline for a `.g3` file: N times in non-decreasing order, and N values a field.
public struct G3Rows: Sendable {
    /// The instance and the feed.
    public var instance: String, feed: String
    /// When the instance began, in seconds since 1970, where that is known.
    public var start: Double?
    /// N times.
    public var timestamps: [Timestamp]
    /// The names of the fields, and a column of N values for each.
    public var fields: [(name: String, column: Column)]

    /// Rows of a timeline.
    public init(
        instance: String,
        feed: String,
        start: Double? = nil,
        timestamps: [Timestamp],
        fields: [(name: String, column: Column)]
    ) {
        self.instance = instance
        self.feed = feed
        self.start = start
        self.timestamps = timestamps
        self.fields = fields
    }
}

/// Writes a tree of `.g3` files as so3g, OCS and hkdb expect it.
///
/// A file is named after the second with which it begins, `17000/1700000000.g3`, and holds rows
/// from half an hour before to one and a half hours after it: so3g looks for a time in files that
/// are named within two hours of it. Each stands alone, with a session of its own. It is written
/// beside, synced and renamed: so3g refuses a whole answer for one file that is cut off.
///
/// A file knows no missing values: in a file where a field lacks some, it has a block of its own.
/// Times are cut off at 10 ns, values stay as they are.
public final class G3TreeWriter {
    /// The folder of the tree.
    public let root: String
    private let disk: any Disk
    private let observatory: String

    /// The description of our sessions, by which a file of ours is told from others.
    static let description = "HK data, by Cerro"

    /// A writer into the folder `root`, which is created when it is needed.
    ///
    /// `observatory` is the first part of the addresses.
    public init(root: String, observatory: String = "observatory") {
        self.root = root
        self.observatory = observatory
        disk = SystemDisk()
    }

    /// The path of the file that begins with a second, within the tree.
    public static func path(_ second: Int64) -> String {
        let digits = String(second)
        return "\(digits.prefix(5))/\(digits).g3"
    }

    /// Writes one file in place of one of ours that is there.
    ///
    /// - Parameters:
    ///   - second: when it begins, in seconds since 1970.
    ///   - add: called with what takes the rows, timeline by timeline.
    /// - Returns: how many rows it has; where there are none, no file is made, and one of ours that
    ///   was there is deleted.
    /// - Throws: ``ArchiveError``, also where a file stands there that is not ours.
    public func write(
        _ second: Int64,
        _ add: ((G3Rows) throws -> Void) throws -> Void
    ) throws -> Int {
        let path = "\(root)/\(Self.path(second))"
        try check(path)
        let folder = G3Tree.folder(of: path)
        let name = path.dropFirst(folder.utf8.count + 1)
        let beside = "\(folder)/.\(name).new"
        try disk.createFolder(folder)
        try disk.removeIfThere(beside)
        var rows = 0
        do {
            let file = G3TreeFile(
                BufferedFile(try disk.open(beside, .create)),
                second: second,
                observatory: observatory
            )
            try add { part in rows += try file.add(part) }
            try file.finish()
            if rows > 0 {
                try disk.rename(beside, to: path)
            } else {
                try disk.removeIfThere(beside)
                try disk.removeIfThere(path)
            }
            try disk.syncFolder(folder)
        } catch {
            try? disk.removeIfThere(beside)
            throw error
        }
        return rows
    }

    /// Deletes a file of ours; one that is not there is no error.
    func remove(_ second: Int64) throws {
        let path = "\(root)/\(Self.path(second))"
        try check(path)
        try disk.removeIfThere(path)
    }

    /// Whether nothing stands where the file of a second would.
    func isFree(_ second: Int64) -> Bool {
        (try? disk.open("\(root)/\(Self.path(second))", .read)) == nil
    }

    /// Refuses to touch what somebody else wrote.
    private func check(_ path: String) throws {
        let file: any SegmentFile
        do {
            file = try disk.open(path, .read)
        } catch DiskError.missing {
            return
        }
        var reader = G3FrameReader(size: try file.size()) { try file.read(into: $0, at: $1) }
        guard case .frame(let frame)? = try reader.next(),
            case .session(_, _, Self.description)? = try? HousekeepingFrame(frame)
        else {
            throw ArchiveError.journal(
                "\(path): is there already, and Cerro did not write it: give the export a folder "
                    + "of its own"
            )
        }
    }
}

/// One file as it is written: its session, then a status for each further timeline, then its data.
private final class G3TreeFile {
    private let file: BufferedFile
    private let writer: HousekeepingWriter
    private let second: Int64
    private let observatory: String
    private var providers: [Int64: String] = [:]

    init(_ file: BufferedFile, second: Int64, observatory: String) {
        self.file = file
        self.second = second
        self.observatory = observatory
        // Sorts by time: seconds, then what tells writers of one second apart.
        let session = second << 28 | Int64.random(in: 0..<(1 << 28))
        writer = HousekeepingWriter(
            session: session,
            start: Double(second),
            description: G3TreeWriter.description
        )
    }

    /// Adds the rows of one timeline and returns how many they are.
    func add(_ rows: G3Rows) throws -> Int {
        let fields = rows.fields.filter { field in
            rows.timestamps.indices.contains { field.column.isPresent($0) }
        }
        guard let first = rows.timestamps.first, !fields.isEmpty else { return 0 }
        if providers.isEmpty { try file.write(writer.sessionFrame) }
        // No two files of a tree have one in common: so3g's scanner tells them apart by that alone.
        let id = second << 16 | Int64(providers.count)
        let address = "\(observatory).\(rows.instance).feeds.\(rows.feed)"
        providers[id] = address
        try file.write(writer.status(providers, timestamp: first.unixSeconds))
        let whole = fields.filter { $0.column.presence?.allSatisfy(\.self) ?? true }
        let apart = fields.filter { field in !whole.contains { $0.name == field.name } }
        for range in Self.frames(rows.timestamps) {
            let nanoseconds = rows.timestamps[range].map(\.nanoseconds)
            var blocks: [HousekeepingWriter.Block] = []
            if !whole.isEmpty {
                let values = whole.map { ($0.name, $0.column.housekeeping(Array(range))) }
                blocks.append(
                    .init(name: rows.feed, nanoseconds: nanoseconds, fields: values)
                )
            }
            for field in apart {
                let present = range.filter { field.column.isPresent($0) }
                guard !present.isEmpty else { continue }
                blocks.append(
                    .init(
                        name: whole.isEmpty || field.name != rows.feed
                            ? field.name : "\(field.name)_",
                        nanoseconds: present.map { rows.timestamps[$0].nanoseconds },
                        fields: [(field.name, field.column.housekeeping(present))]
                    )
                )
            }
            guard !blocks.isEmpty else { continue }
            try file.write(
                writer.data(
                    provider: id,
                    address: address,
                    agentStart: rows.start ?? Double(second),
                    timestamp: Timestamp(nanoseconds: nanoseconds[0]).unixSeconds,
                    blocks: blocks
                )
            )
        }
        return rows.timestamps.count
    }

    func finish() throws { try file.finish() }

    /// Where the rows are cut: five minutes as OCS has them, and what fits one frame.
    ///
    /// Rows of one time stay together, since the time stamps of frames have to grow.
    private static func frames(_ times: [Timestamp]) -> [Range<Int>] {
        var frames: [Range<Int>] = []
        var start = 0
        for row in times.indices.dropFirst() where times[row] != times[row - 1] {
            guard
                times[row] - times[start] >= Limits.g3FrameTime
                    || row - start >= Limits.g3FrameRows
            else { continue }
            frames.append(start..<row)
            start = row
        }
        return frames + [start..<times.count]
    }
}

extension Column {
    /// The values of some rows, which are there.
    fileprivate func housekeeping(_ rows: [Int]) -> HousekeepingWriter.Values {
        switch values {
        case .doubles(let values): .doubles(rows.map { values[$0] })
        case .ints(let values): .integers(rows.map { values[$0] })
        case .bools(let values): .bools(rows.map { values[$0] })
        case .strings(let values): .strings(rows.map { values[$0] })
        }
    }
}
