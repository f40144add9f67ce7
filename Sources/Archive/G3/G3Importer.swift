internal import ArchiveFormat
internal import G3Format
internal import Log
public import Telemetry

/// What became of one `.g3` file that was imported.
public struct ImportedFile: Hashable, Sendable {
    /// The file.
    public let path: String
    /// How many rows of it are new in the archive.
    public internal(set) var rows = 0
    /// The sealed files that hold them, relative to the archive; none where nothing was new.
    public internal(set) var made: [String] = []
    /// What of the file could not be read, a line each: where and why.
    public internal(set) var problems: [String] = []
}

/// Brings `.g3` files into an archive as sealed files of its own.
///
/// A sealed file lists as its source which bytes of which file it was made from, so that what was
/// imported is not imported again: neither the same file, nor a copy of it under another name, nor
/// the part that a file already had before it grew.
public final class G3Importer {
    private let directory: ArchiveDirectory
    private let archive: String
    private let time: any TimeSource
    private let lock: any FolderLock
    private let byteLimit: Int
    /// The bytes of each file that are in the archive, by what identifies the file.
    private var done: [String: [Range<Int>]] = [:]
    /// The last time of what was imported last of each file.
    private var newest: [String: Int64] = [:]

    /// An importer into an archive, of which it is the one writer as long as it lives.
    ///
    /// - Parameters:
    ///   - directory: the archive; it is created if it is not there.
    ///   - holder: who does it, for an aggregator that is refused meanwhile.
    ///   - time: the clock that tells when the files were made.
    /// - Throws: ``ArchiveError``, also while an aggregator writes to the archive.
    public convenience init(
        directory: ArchiveDirectory,
        holder: String,
        time: any TimeSource = SystemTimeSource()
    ) throws(ArchiveError) {
        try self.init(directory, holder: holder, time: time, byteLimit: Limits.sealing)
    }

    init(
        _ directory: ArchiveDirectory,
        holder: String,
        time: any TimeSource,
        byteLimit: Int
    ) throws(ArchiveError) {
        self.directory = directory
        self.time = time
        self.byteLimit = byteLimit
        (archive, lock) = try directory.lockForWriting(holder: holder)
        for file in try directory.files() where file.kind == .sealed {
            guard let sealed = try? SealedFile.open(directory.full(file), disk: directory.disk)
            else { continue }
            for source in sealed.footer.sources.compactMap(G3SourceID.init) {
                done[source.file, default: []].append(source.bytes)
            }
        }
    }

    deinit { lock.unlock() }

    /// The `.g3` files at `path`: itself, or those in the folders below it, in order.
    ///
    /// - Throws: ``ArchiveError`` where there is none.
    public static func files(at path: String) throws(ArchiveError) -> [String] {
        guard !path.hasSuffix(".g3") else { return [path] }
        let files: [String]
        do throws(DiskError) {
            files = try G3Tree(root: path).list { _, _ in nil }.files.map { "\(path)/\($0.path)" }
        } catch {
            guard (try? SystemDisk().open(path, .read)) == nil else {
                throw .journal("\(path): is no .g3 file; name one, or a folder with .g3 files")
            }
            if case .missing = error { throw .disk(.missing(path: path)) }
            throw .disk(error)
        }
        guard !files.isEmpty else { throw .journal("\(path): there are no .g3 files below it") }
        return files
    }

    /// Imports what of a file is not in the archive yet.
    ///
    /// - Parameter path: the file.
    /// - Returns: what is new, and what of the file could not be read.
    /// - Throws: ``ArchiveError`` where the file cannot be opened, or the archive not be written.
    public func add(_ path: String) throws(ArchiveError) -> ImportedFile {
        do {
            return try imported(path)
        } catch let error as ArchiveError {
            throw error
        } catch let error as DiskError {
            throw .disk(error)
        } catch {
            throw .journal("\(path): cannot be imported: \(error)")
        }
    }

    private func imported(_ path: String) throws -> ImportedFile {
        let file = try SystemDisk().open(path, .read)
        let size = try file.size()
        var report = ImportedFile(path: path)
        var reader = G3FrameReader(size: size) { try file.read(into: $0, at: $1) }
        var providers: [Int64: String] = [:]
        var batch = G3ImportBatch(start: 0)
        var identity: String?
        while let item = try reader.next() {
            switch try content(of: item, &providers) {
            case .damage(let range, let error):
                report.problems.append("\(path): \(error)")
                try flush(&batch, identity, &report)
                batch = G3ImportBatch(start: range.upperBound)
                batch.damage = report.problems.last
            case .data(let data, let frame):
                if identity == nil { identity = try Self.identity(file, frame.range) }
                guard !isDone(frame.range, identity) else {
                    try flush(&batch, identity, &report)
                    batch = G3ImportBatch(start: frame.range.upperBound)
                    continue
                }
                batch.add(data, providers, frame)
                guard batch.byteCount > byteLimit else { continue }
                try flush(&batch, identity, &report)
                batch = G3ImportBatch(start: frame.range.upperBound)
            case nil: break
            }
        }
        try flush(&batch, identity, &report)
        return report
    }

    private enum Content {
        case data(HousekeepingData, G3Frame)
        case damage(Range<Int>, G3Error)
    }

    /// What of a file's frames counts; nil for one that only says who provides.
    private func content(
        of item: G3FrameReader.Item,
        _ providers: inout [Int64: String]
    ) throws -> Content? {
        guard case .frame(let frame) = item else {
            guard case .damage(let range, let error) = item else { return nil }
            return .damage(range, error)
        }
        do throws(G3Error) {
            switch try HousekeepingFrame(frame) {
            case .session: providers = [:]
            case .status(_, _, let now): providers = now
            case .data(let data) where providers[data.provider] == nil && data.address == nil:
                throw G3Error(
                    offset: frame.range.lowerBound,
                    .malformed("provider \(data.provider) is in no status frame before its data")
                )
            case .data(let data): return .data(data, frame)
            case .other: break
            }
        } catch {
            return .damage(frame.range, error)
        }
        return nil
    }

    private func isDone(_ range: Range<Int>, _ identity: String?) -> Bool {
        guard let identity else { return false }
        return done[identity, default: []].contains {
            $0.lowerBound <= range.lowerBound && range.upperBound <= $0.upperBound
        }
    }

    /// What tells a file from others, whatever its name: all up to the end of its first data.
    private static func identity(
        _ file: any SegmentFile,
        _ first: Range<Int>
    ) throws(G3Error) -> String {
        guard let bytes = try? file.bytes(0..<first.upperBound), bytes.count == first.upperBound
        else { throw G3Error(offset: 0, .cutOff) }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let crc = String(bytes.withUnsafeBytes { crc32c($0) }, radix: 16)
        return ArchiveDirectory.hexadecimal(hash) + crc
    }

    /// Writes the rows of a batch into a sealed file.
    private func flush(
        _ batch: inout G3ImportBatch,
        _ identity: String?,
        _ report: inout ImportedFile
    ) throws {
        guard let identity, let ends = batch.ends else { return }
        let source = G3SourceID(file: identity, bytes: batch.start..<batch.end)
        // What is dated ahead of now by a wrong clock does not name a folder of the future.
        let created = min(Timestamp(nanoseconds: ends.first), time.now)
        let name = ArchiveFile.segment(created: max(created, Timestamp(seconds: 0)))
        var footer = SealedFooter(
            id: ArchiveDirectory.randomID(),
            archive: archive,
            created: time.now,
            sources: [source.text],
            receivedFrom: Timestamp(nanoseconds: ends.first),
            receivedTo: Timestamp(nanoseconds: ends.last)
        )
        footer.instances = batch.instances
        if let damage = batch.damage {
            footer.ledger = footer.instances.map { instance in
                LedgerEntry(
                    instance: instance,
                    feed: nil,
                    from: Timestamp(nanoseconds: newest[identity] ?? ends.first),
                    to: Timestamp(nanoseconds: ends.first),
                    count: nil,
                    cause: "damage: \(damage)"
                )
            }
        }
        newest[identity] = ends.last
        try directory.disk.createFolder("\(directory.path)/\(name.day)")
        try directory.writeSealed(name, footer) { builder in
            report.rows += try batch.write(to: &builder)
            return true
        }
        done[identity, default: []].append(source.bytes)
        report.made.append(name.sealed.path)
    }
}

/// Which bytes of which `.g3` file a sealed file was made from, as its footer lists it.
struct G3SourceID: Hashable {
    let file: String, bytes: Range<Int>

    init(file: String, bytes: Range<Int>) {
        self.file = file
        self.bytes = bytes
    }

    /// Reads ``text``; nil for a source that is no `.g3` file.
    init?(_ text: String) {
        let parts = text.split(separator: "-").map(String.init)
        guard parts.count == 4, parts[0] == "g3", let start = Int(parts[2]),
            let end = Int(parts[3]), start <= end
        else { return nil }
        self.init(file: parts[1], bytes: start..<end)
    }

    var text: String { "g3-\(file)-\(bytes.lowerBound)-\(bytes.upperBound)" }
}

/// Rows of consecutive frames of a file, by timeline.
private struct G3ImportBatch {
    private struct Key: Hashable {
        let address: G3Address, fields: [Field]
    }

    private struct Rows {
        var times: [Int64] = []
        var columns: [ColumnBuilder]
    }

    let start: Int
    private(set) var end: Int
    /// The damage before it.
    var damage: String?
    private(set) var byteCount = 0
    private var rows: [Key: Rows] = [:]

    init(start: Int) {
        self.start = start
        end = start
    }

    /// The first and the last time; nil where there is no row.
    var ends: (first: Int64, last: Int64)? {
        let first = rows.values.compactMap { $0.times.min() }.min()
        let last = rows.values.compactMap { $0.times.max() }.max()
        guard let first, let last else { return nil }
        return (first, last)
    }

    /// Whose rows they are.
    var instances: [String] { Set(rows.keys.map(\.address.instance)).sorted() }

    mutating func add(
        _ data: HousekeepingData,
        _ providers: [Int64: String],
        _ frame: G3Frame
    ) {
        guard let description = providers[data.provider] ?? data.address else { return }
        end = frame.range.upperBound
        byteCount += frame.range.count
        for block in data.blocks where block.count > 0 && !block.fields.isEmpty {
            let columns = G3Columns(block)
            let key = Key(address: G3Address(description), fields: columns.fields)
            var rows =
                self.rows.removeValue(forKey: key)
                ?? Rows(columns: key.fields.map { ColumnBuilder($0.type) })
            rows.times += block.nanoseconds
            for index in key.fields.indices {
                rows.columns[index].append(columns.column(index), rows: 0..<block.count)
            }
            self.rows[key] = rows
        }
    }

    /// Adds the rows to a sealed file and returns how many they are.
    func write(to builder: inout SealedFileBuilder) throws -> Int {
        var count = 0
        let keys = rows.keys.sorted {
            ($0.address.instance, $0.address.feed, $0.fields.first?.name ?? "")
                < ($1.address.instance, $1.address.feed, $1.fields.first?.name ?? "")
        }
        for key in keys {
            guard let rows = rows[key] else { continue }
            let order = stableOrder(rows.times)
            let times = order.map { $0.map { rows.times[$0] } } ?? rows.times
            let columns = rows.columns.map(\.column)
            try builder.add(
                key.address.instance,
                feed: Feed(key.address.feed, fields: key.fields),
                epochs: [],
                times: times,
                // When they were received nobody wrote down.
                received: times,
                columns: order.map { order in columns.map { $0.rows(order) } } ?? columns
            )
            count += times.count
        }
        return count
    }
}
