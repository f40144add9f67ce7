public import ArchiveFormat
internal import Log
internal import MessagePack
public import Telemetry

/// The one writer of an archive's journal; used from one thread.
///
/// What is appended counts once ``commit()`` has returned: it is then written and synced in a
/// segment without an error. After a failure the segment is left as it is, and a new one begins
/// with all that was not committed; readers leave out what stands in both.
public final class JournalWriter {
    let directory: ArchiveDirectory
    private let settings: JournalSettings
    private let time: any TimeSource
    private let archive: String
    private var file: (any SegmentFile)?
    private var current: ArchiveFile?
    private var currentBoundary: Int64 = 0
    private var openedWith = CursorTable()
    /// Whole frames since the last commit; the first `written` bytes are in the current segment.
    private var uncommitted: [UInt8] = []
    private var written = 0
    private var committedTable: CursorTable
    private var table: CursorTable
    private var declarations: [CursorTable.Key: [Int64: [UInt8]]] = [:]
    /// Epochs that have ended in what is not committed: their records may be written once more,
    /// in another segment, which then needs their declarations.
    private var ended: [CursorTable.Key] = []
    private var lastPublished: [CursorTable.Key: Timestamp] = [:]
    private var lastReceived: Timestamp
    private var lastCreated: Timestamp
    private var closed: [String]
    /// Bytes of the current segment's opening: a segment with no more is not cut for its length.
    private var openingCount = 0
    /// Folders whose entries, and those above them, are known to survive a power cut.
    private var syncedDay: String?

    /// Finds out how far the archive has come, and begins a new segment.
    ///
    /// The caller holds the lock of `directory`, and `archive` is the id that came with it.
    public init(
        directory: ArchiveDirectory,
        archive: String,
        settings: JournalSettings = .init(),
        time: any TimeSource = SystemTimeSource()
    ) throws(ArchiveError) {
        self.directory = directory
        self.archive = archive
        self.settings = settings
        self.time = time
        let recovered = try JournalRecovery.recover(directory)
        committedTable = recovered.cursors
        table = recovered.cursors
        lastReceived = recovered.lastReceived
        lastCreated = recovered.lastCreated
        closed = recovered.journals
        for kept in recovered.declarations {
            keep(kept)
        }
        try begin(at: time.now)
    }

    /// How far the archive has come: all that is committed.
    public var cursors: [Cursor] { committedTable.cursors }

    /// The cursor of one epoch, committed or not: what to fetch after.
    public func cursor(of instance: String, epoch: Int64) -> Cursor? { table[instance, epoch] }

    /// The path of the segment that is written now.
    public var segmentPath: String { current?.path ?? "" }

    /// The length of the segment that is written now and what waits for it, in bytes.
    public private(set) var segmentByteCount = 0

    /// The segments that were closed since the last call, for the sealer, oldest first.
    public func takeClosedSegments() -> [String] {
        defer { closed = [] }
        return closed
    }

    /// Appends records of one epoch, `first` and the `count` - 1 that follow it.
    ///
    /// Records that the archive has already are left out; a jump becomes a row of the ledger. A
    /// `count` of 0 tells declarations that came before `first`, for an archive that joins later.
    /// Commits by itself when 8 MiB wait.
    ///
    /// `frames` is `count` whole frames as the agent's log has them; `received` says when they
    /// came, and an earlier time than before counts as the one before.
    public func append(
        instance: String,
        epoch: Int64,
        first: Int64,
        count: Int64,
        received: Timestamp,
        frames: UnsafeRawBufferPointer
    ) throws(ArchiveError) {
        let received = max(received, lastReceived)
        let key = CursorTable.Key(instance: instance, epoch: epoch)
        let known = table.entries[key]?.position ?? 0
        let batch = FrameWalk(frames, first: first, count: count, after: known)
        guard batch.count > 0 else {
            if count == 0 { declare(key, frames, received: received) }
            return
        }
        try rotate(at: received, adding: frames.count + Limits.batchOverhead)
        lastReceived = received
        let missing = batch.missing(
            of: key,
            after: known,
            published: lastPublished[key],
            received: received
        )
        for entry in missing { note(entry) }
        put(
            .batch(
                instance: instance,
                epoch: epoch,
                first: batch.first,
                count: batch.count,
                received: received,
                frames: batch.frames
            )
        )
        advance(key, past: batch, received: received)
        if uncommitted.count > Limits.journalBuffer { try commit() }
    }

    /// Appends a row of the ledger.
    public func appendLedger(_ entry: LedgerEntry) {
        note(entry)
    }

    /// Begins with an epoch behind `position`: what came before it is not missing here.
    public func join(instance: String, epoch: Int64, after position: Int64, crc: UInt32) {
        guard table[instance, epoch] == nil else { return }
        table.set(Cursor(instance: instance, epoch: epoch, position: position, crc: crc))
        putTable()
    }

    /// Notes that nothing of an epoch will follow, though its end never came.
    public func finish(instance: String, epoch: Int64) {
        guard var cursor = table[instance, epoch], !cursor.isFinished else { return }
        cursor.isFinished = true
        table.set(cursor)
        ended.append(CursorTable.Key(instance: instance, epoch: epoch))
        putTable()
    }

    /// Writes and syncs what was appended; then it counts.
    ///
    /// After a failure once more in a new segment; when that fails too, all of it is kept for the
    /// next call.
    public func commit() throws(ArchiveError) {
        guard !uncommitted.isEmpty else { return }
        if file != nil {
            do throws(DiskError) {
                try writeAndSync()
            } catch {
                abandon()
            }
        }
        if file == nil {
            try begin(at: time.now)
            do throws(DiskError) {
                try writeAndSync()
            } catch {
                abandon()
                throw .disk(error)
            }
        }
        uncommitted.removeAll(keepingCapacity: uncommitted.count <= Limits.journalBuffer * 2)
        written = 0
        committedTable = table
        for key in ended { declarations[key] = nil }
        ended = []
    }

    /// Commits, and ends the segment if its time is over though nothing comes any more.
    public func rotateIfDue(at now: Timestamp) throws(ArchiveError) {
        try rotate(at: max(now, lastReceived), adding: 0)
    }
}

extension JournalWriter {
    private func keep(_ kept: KeptDeclaration) {
        let key = CursorTable.Key(instance: kept.instance, epoch: kept.epoch)
        guard table.entries[key]?.isFinished != true else { return }
        declarations[key, default: [:]][kept.revision] = kept.frame
    }

    /// Takes in declarations that are no new records.
    private func declare(
        _ key: CursorTable.Key,
        _ frames: UnsafeRawBufferPointer,
        received: Timestamp
    ) {
        let walk = FrameWalk(frames, first: 1, count: .max, after: 0)
        guard !walk.declarations.isEmpty else { return }
        for declaration in walk.declarations {
            declarations[key, default: [:]][declaration.revision] = declaration.frame
        }
        let position = table.entries[key]?.position ?? 0
        put(
            .batch(
                instance: key.instance,
                epoch: key.epoch,
                first: position + 1,
                count: 0,
                received: received,
                frames: frames
            )
        )
    }

    /// The archive has come to the end of `batch`.
    private func advance(_ key: CursorTable.Key, past batch: FrameWalk, received: Timestamp) {
        table.set(
            Cursor(
                instance: key.instance,
                epoch: key.epoch,
                position: batch.last,
                crc: batch.crc,
                isFinished: batch.endsEpoch || table.entries[key]?.isFinished == true
            )
        )
        lastPublished[key] = batch.lastPublished ?? received
        for declaration in batch.declarations {
            declarations[key, default: [:]][declaration.revision] = declaration.frame
        }
        if batch.endsEpoch { ended.append(key) }
    }

    private func note(_ entry: LedgerEntry) {
        put(.ledger(entry))
    }

    /// Tells all cursors once more, since no batch says what changed.
    private func putTable() {
        guard let current else { return }
        put(
            .opening(
                archive: archive,
                segment: current.id,
                created: lastCreated,
                cursors: table.cursors
            )
        )
    }

    private func put(_ record: JournalRecord) {
        let before = uncommitted.count
        Self.append(record, to: &uncommitted)
        segmentByteCount += uncommitted.count - before
    }

    private static func append(_ record: JournalRecord, to bytes: inout [UInt8]) {
        var writer = MessagePackWriter()
        record.write(to: &writer)
        writer.withBytes { _ = Frame.append($0, to: &bytes) }
    }

    private func rotate(at received: Timestamp, adding byteCount: Int) throws(ArchiveError) {
        guard
            boundary(of: received) > currentBoundary
                || segmentByteCount + byteCount > settings.maxSize
                    && segmentByteCount > openingCount
        else { return }
        try commit()
        try begin(at: received)
    }

    /// The multiple of `rotate` that `instant` lies behind.
    private func boundary(of instant: Timestamp) -> Int64 {
        let step = settings.rotate.nanoseconds
        return instant.nanoseconds / step * step
    }

    private func writeAndSync() throws(DiskError) {
        guard let file else { return }
        let rest = uncommitted[written...]
        let count = rest.count
        let done = try rest.withUnsafeBufferPointer { (buffer) throws(DiskError) -> Int in
            try file.append([UnsafeRawBufferPointer(buffer)])
        }
        guard done == count else { throw .full(path: file.path, during: "write") }
        written += count
        try file.sync()
    }

    /// Leaves the segment: nobody knows what of it the disk has.
    private func abandon() {
        file = nil
        written = 0
    }

    /// Begins a segment that opens with all that is committed; the one before is closed.
    private func begin(at instant: Timestamp) throws(ArchiveError) {
        let created = max(max(instant, lastReceived), lastCreated + .nanoseconds(1))
        let next = ArchiveFile.segment(created: created)
        let path = directory.full(next)
        var table = committedTable
        table.prune(finishedIn: openedWith)
        var bytes: [UInt8] = []
        Self.append(
            .opening(archive: archive, segment: next.id, created: created, cursors: table.cursors),
            to: &bytes
        )
        for (key, revisions) in declarations.sorted(by: { $0.key.epoch < $1.key.epoch }) {
            appendDeclarations(key, revisions, received: created, to: &bytes)
        }
        do throws(DiskError) {
            let file = try create(path, day: next.day, bytes)
            if let current { closed.append(current.path) }
            self.file = file
        } catch {
            // An empty segment would do no harm; a thousand of them on a full disk would.
            try? directory.disk.remove(path)
            throw .disk(error)
        }
        current = next
        currentBoundary = boundary(of: created)
        lastCreated = created
        committedTable = table
        openedWith = table
        if uncommitted.isEmpty { self.table = table }
        openingCount = bytes.count
        segmentByteCount = bytes.count + uncommitted.count
        written = 0
    }

    /// Repeats the declarations of an epoch: records that are there already, so the count is 0.
    private func appendDeclarations(
        _ key: CursorTable.Key,
        _ revisions: [Int64: [UInt8]],
        received: Timestamp,
        to bytes: inout [UInt8]
    ) {
        var frames: [UInt8] = []
        func flush(_ bytes: inout [UInt8]) {
            guard !frames.isEmpty else { return }
            frames.withUnsafeBytes { buffer in
                Self.append(
                    .batch(
                        instance: key.instance,
                        epoch: key.epoch,
                        first: (committedTable.entries[key]?.position ?? 0) + 1,
                        count: 0,
                        received: received,
                        frames: buffer
                    ),
                    to: &bytes
                )
            }
            frames = []
        }
        for (_, frame) in revisions.sorted(by: { $0.key < $1.key }) {
            frames.append(contentsOf: frame)
            if frames.count > Record.longest / 2 { flush(&bytes) }
        }
        flush(&bytes)
    }

    private func create(
        _ path: String,
        day: String,
        _ bytes: [UInt8]
    ) throws(DiskError) -> any SegmentFile {
        let disk = directory.disk
        let folder = "\(directory.path)/\(day)"
        try disk.createFolder(folder)
        let file = try disk.open(path, .create)
        let done = try bytes.withUnsafeBufferPointer { (buffer) throws(DiskError) -> Int in
            try file.append([UnsafeRawBufferPointer(buffer)])
        }
        guard done == bytes.count else { throw .full(path: path, during: "write") }
        try file.sync()
        try disk.syncFolder(folder)
        if syncedDay != day {
            let parts = day.split(separator: "/")
            for count in stride(from: parts.count - 1, through: 0, by: -1) {
                let above = parts.prefix(count).joined(separator: "/")
                try disk.syncFolder(above.isEmpty ? directory.path : "\(directory.path)/\(above)")
            }
            syncedDay = day
        }
        return file
    }
}
