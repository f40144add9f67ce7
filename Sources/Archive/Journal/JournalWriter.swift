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
    let settings: JournalSettings
    let time: any TimeSource
    let archive: String
    var file: (any SegmentFile)?
    var current: ArchiveFile?
    var currentBoundary: Int64 = 0
    var openedWith = CursorTable()
    /// Whole frames since the last commit; the first `written` bytes are in the current segment.
    var uncommitted: [UInt8] = []
    var written = 0
    var committedTable: CursorTable
    var table: CursorTable
    var declarations: [CursorTable.Key: [Int64: [UInt8]]] = [:]
    /// Epochs that have ended in what is not committed: their records may be written once more,
    /// in another segment, which then needs their declarations.
    private var ended: [CursorTable.Key] = []
    var lastPublished: [CursorTable.Key: Timestamp] = [:]
    private var committedPublished: [CursorTable.Key: Timestamp] = [:]
    var lastReceived: Timestamp
    var lastCreated: Timestamp
    var closed: [String]
    /// The clock of what is received.
    public private(set) var clock = ReceiveClock(behind: Timestamp(nanoseconds: 0))
    private var retryDue = Duration.zero
    /// Whether the current segment holds anything that counts.
    var hasCommitted = false
    /// Bytes of the current segment's opening: a segment with no more is not cut for its length.
    var openingCount = 0
    /// Folders whose entries, and those above them, are known to survive a power cut.
    var syncedDay: String?

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
        lastPublished = recovered.lastPublished
        committedPublished = lastPublished
        clock = ReceiveClock(behind: recovered.lastReceived)
        do throws(DiskError) {
            try begin(at: receiveTime())
        } catch {
            throw .disk(error)
        }
    }

    /// How far the archive has come: all that is committed.
    public var cursors: [Cursor] { committedTable.cursors }

    /// The cursor of one epoch, committed or not: what to fetch after.
    public func cursor(of instance: String, epoch: Int64) -> Cursor? { table[instance, epoch] }

    /// When the newest record of an epoch was published, committed or not, where that is known.
    public func lastPublished(of instance: String, epoch: Int64) -> Timestamp? {
        lastPublished[CursorTable.Key(instance: instance, epoch: epoch)]
    }

    /// When the newest record of an epoch that is committed was published.
    public func committedPublished(of instance: String, epoch: Int64) -> Timestamp? {
        committedPublished[CursorTable.Key(instance: instance, epoch: epoch)]
    }

    /// Whether an epoch of `instance` is committed as far as it is taken.
    public func isCommitted(_ instance: String, epoch: Int64) -> Bool {
        committedTable[instance, epoch] == table[instance, epoch]
    }

    /// The path of the segment that is written now.
    public var segmentPath: String { current?.path ?? "" }

    /// The length of the segment that is written now and what waits for it, in bytes.
    public internal(set) var segmentByteCount = 0

    /// The segments that were closed since the last call, for the sealer, oldest first.
    public func takeClosedSegments() -> [String] {
        defer { closed = [] }
        return closed
    }

    /// Appends records of one epoch, `first` and the `count` - 1 that follow it.
    ///
    /// Records that the archive has already are left out. What a jump passes over becomes rows of
    /// the ledger for exactly these positions, with the cause that `losses` or a record of the log
    /// tells. A `count` of 0 tells declarations that came before `first`, for an archive that
    /// joins later, or `losses` behind which nothing follows.
    ///
    /// `frames` is `count` whole frames as the agent's log has them; `received` says when they
    /// came, and an earlier time than before counts as the one before.
    ///
    /// - Throws: why the disk takes nothing, when ``Limits/journalBuffer`` waits for it; then
    ///   nothing was taken.
    public func append(
        instance: String,
        epoch: Int64,
        first: Int64,
        count: Int64,
        received: Timestamp,
        frames: UnsafeRawBufferPointer,
        losses: [LedgerEntry] = []
    ) throws(ArchiveError) {
        try makeRoom()
        let received = max(received, lastReceived)
        let key = CursorTable.Key(instance: instance, epoch: epoch)
        let known = table.entries[key]?.position ?? 0
        let batch = FrameWalk(frames, first: first, count: count, after: known)
        if batch.count > 0 {
            try rotate(at: received, adding: frames.count + Limits.batchOverhead)
            lastReceived = received
            let told = losses + batch.losses.map { LedgerEntry($0, of: instance) }
            let published = batch.firstPublished ?? received
            settle(key, upTo: batch.first - 1, told: told, published: published)
            // Before the batch: one that is there without its rows would never be asked for again.
            for loss in batch.losses { enter(loss, of: instance, in: epoch) }
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
        } else if count == 0 {
            declare(key, frames, received: received)
        }
        enter(losses, of: key, received: received)
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
        var cursor =
            table[instance, epoch]
            ?? Cursor(instance: instance, epoch: epoch, position: 0, crc: 0)
        guard !cursor.isFinished else { return }
        cursor.isFinished = true
        table.set(cursor)
        ended.append(CursorTable.Key(instance: instance, epoch: epoch))
        putTable()
    }

    /// Writes and syncs what was appended; then it counts.
    ///
    /// After a failure once more in a new segment; when that fails too, all of it is kept for the
    /// next call, which should not come before ``mayTry``.
    public func commit() throws(ArchiveError) {
        guard !uncommitted.isEmpty else { return }
        do throws(DiskError) {
            if file != nil { try writeAndSync() }
        } catch {
            abandon()
        }
        do throws(DiskError) {
            if file == nil {
                try begin(at: receiveTime())
                try writeAndSync()
            }
        } catch {
            abandon()
            throw fail(error)
        }
        uncommitted.removeAll(keepingCapacity: uncommitted.count <= Limits.journalBuffer * 2)
        written = 0
        hasCommitted = true
        committedTable = table
        for key in ended { declarations[key] = nil }
        ended = []
        committedPublished = lastPublished
        failure = nil
    }

    /// Commits, and ends the segment if its time is over though nothing comes any more.
    public func rotateIfDue(at now: Timestamp) throws(ArchiveError) {
        try rotate(at: max(now, lastReceived), adding: 0)
    }

    /// The time now as ``append`` wants it: see ``ReceiveClock``.
    public func receiveTime() -> Timestamp {
        clock.read(wall: time.now, monotonic: time.monotonic)
    }

    /// Whether a disk that failed may be tried again.
    public var mayTry: Bool { failure == nil || time.monotonic >= retryDue }

    /// Bytes that wait for the next commit.
    public var waitingByteCount: Int { uncommitted.count }

    /// Whether ``append`` takes something, as far as is known.
    public var hasRoom: Bool { failure == nil || uncommitted.count < Limits.journalBuffer }

    /// Why the disk takes nothing; nil while all is well.
    public private(set) var failure: ArchiveError?

    /// How often the disk refused, since the writer was made.
    public private(set) var failureCount: Int64 = 0
}

extension JournalWriter {
    /// Lets what waits go to the disk before there is too much of it.
    private func makeRoom() throws(ArchiveError) {
        guard uncommitted.count >= Limits.journalBuffer else { return }
        if let failure, !mayTry { throw failure }
        try commit()
    }

    /// Notes that the disk refused; the next try is due after a while.
    private func fail(_ error: DiskError) -> ArchiveError {
        let failure = ArchiveError.disk(error)
        self.failure = failure
        failureCount += 1
        retryDue = time.monotonic + Limits.journalRetry
        return failure
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

    func put(_ record: JournalRecord) {
        let before = uncommitted.count
        Self.append(record, to: &uncommitted)
        segmentByteCount += uncommitted.count - before
    }

    static func append(_ record: JournalRecord, to bytes: inout [UInt8]) {
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
        // A disk that refuses begins a new segment anyway, once it takes something.
        guard mayTry else { return }
        try commit()
        do throws(DiskError) {
            try begin(at: received)
            failure = nil
        } catch {
            throw fail(error)
        }
    }

    /// The multiple of `rotate` that `instant` lies behind.
    func boundary(of instant: Timestamp) -> Int64 {
        let step = settings.rotate.nanoseconds
        return instant.nanoseconds / step * step
    }

    func writeAndSync() throws(DiskError) {
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
}
