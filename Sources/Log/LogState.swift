internal import ArchiveFormat
internal import MessagePack
internal import Synchronization
internal import Telemetry

/// Somebody who waits until what was accepted up to `ordinal` is written or synced.
struct AppendWaiter {
    enum Goal { case written, synced, syncedOrFailed }
    enum Outcome { case done, retry, failed(LogError) }

    let ordinal: Int64
    let goal: Goal
    let continuation: CheckedContinuation<Outcome, Never>
}

/// Somebody who waits for a record after a position, until a deadline on the monotonic clock.
struct RecordWaiter {
    let epoch: Int64, after: Int64
    let deadline: Duration
    /// Called with whether there is such a record.
    let body: @Sendable (Bool) -> Void
}

/// Where a fetch of an archive ended, so that the next one begins there at once.
struct FetchPlace {
    let epoch: Int64, position: Int64
    let crc: UInt32
    let segmentFirst: Int64
    let offset: Int
    let published: Timestamp
}

/// What a record says, before it has a position.
enum RecordBody {
    case blocks([Block], revision: Int)
    case declaration(Feed, revision: Int)
    case loss(RecordLoss)
    case end
}

/// All that the threads of a log share, behind one lock.
struct LogState: ~Copyable {
    let settings: AgentLog.Settings

    var epoch: Int64
    var nextPosition: Int64 = 1
    /// The epochs that may have records here, the current one last.
    var epochs: [EpochEntry]
    var segments: [Segment]

    var declared: [Feed] = []
    var feedNames: [String] = []
    var revisions: [String: [Int]] = [:]

    /// What is encoded and not written, in order.
    var queue: [Run] = []
    var queueBytes = 0
    var recent = RecentRecords()
    /// Bytes of the segment that is being encoded, and whether the next record begins another.
    var segmentBytes = 0
    var beginsSegmentNext = true
    /// How many records this log has accepted, written and synced; epochs do not matter here.
    var accepted: Int64 = 0, written: Int64 = 0, synced: Int64 = 0
    /// How many of them the file `memory` speaks of, as far as they are in memory.
    var noted: Int64 = 0
    /// As ``noted``, but only where that file could be written.
    var kept: Int64 = 0
    /// Whether the disk has just failed, and whether that is new.
    var isNoteDue = false, isFailureNew = false
    /// The newest record that has to be synced at once, by the same count.
    var syncGoal: Int64 = 0
    /// The newest position of the current epoch that a fetch may return; never goes back.
    var readable: Int64 = 0
    /// Why the disk is not written at the moment.
    var failure: DiskError?
    /// Whether the disk is tried again now, instead of an interval after the last failure.
    var isForced = false

    /// Which epochs ever began here, as far as that is known.
    var starts: EpochStarts

    var progress: [String: Progress]
    /// Archives that the table of commits on the disk does not name yet.
    var unsavedArchives: Set<String> = []
    /// Whether the table of earlier processes is taken in; before, nothing goes because it is
    /// committed.
    var knowsProgress: Bool
    /// Where the last fetch of an archive ended, and the one before, should it ask again.
    var places: [String: [FetchPlace]] = [:]
    var hasNewProgress = false
    /// The oldest record that was held when an archive became known that had been here before: what
    /// it lacks before that went without regard to it.
    var knownFrom: [String: Progress] = [:]
    /// How often in a row an archive's fetch met a segment that cannot be read, and from when on
    /// the next time counts.
    var readFailures: [String: (count: Int, countsFrom: Duration)] = [:]
    /// The loss records that are held, and where they stand.
    var announced: [Announcement]
    /// What the thread has to tell.
    var events: [LogEvent] = []
    /// The oldest segments that go as soon as the loss records up to `ordinal` are synced.
    var drop: (count: Int, ordinal: Int64, losses: [RecordLoss])?

    var waiters: [AppendWaiter] = []
    var spaceWaiters: [CheckedContinuation<AppendWaiter.Outcome, Never>] = []
    var recordWaiters: [RecordWaiter] = []
    var closeWaiters: [CheckedContinuation<Void, Never>] = []

    var isThreadIdle = false
    var isClosing = false, isClosed = false, isAbandoned = false

    private var writer = MessagePackWriter()

    init(
        settings: AgentLog.Settings,
        epoch: Int64,
        epochs: [EpochEntry],
        segments: [Segment],
        commits: [String: Commit]?,
        starts: EpochStarts
    ) {
        self.starts = starts
        announced = segments.flatMap { $0.index?.losses ?? [] } + epochs.flatMap(\.announced)
        self.settings = settings
        self.epoch = epoch
        self.epochs = epochs
        self.segments = segments
        progress = (commits ?? [:]).mapValues(\.progress)
        knownFrom = (commits ?? [:]).compactMapValues(\.knownFrom)
        knowsProgress = commits != nil
        hasNewProgress = commits == nil
    }

    /// Whether another record may be accepted.
    var hasRoom: Bool {
        queueBytes < (failure == nil ? settings.queueLimit : settings.memoryLimit)
    }

    /// The revision of `feed`, if it is declared exactly so.
    func revision(of feed: Feed) -> Int? {
        revisions[feed.name]?.last { declared[$0 - 1] == feed }
    }

    /// Gives a record its position and encodes it.
    mutating func encode(_ body: RecordBody, published: Timestamp) {
        if beginsSegmentNext || segmentBytes >= settings.segmentSize {
            beginsSegmentNext = false
            segmentBytes = 0
            queue.append(Run(epoch: epoch, first: nextPosition, beginsSegment: true))
            for (index, feed) in declared.enumerated() {
                put(.declaration(feed, revision: index + 1), published: published)
            }
            // They do not count: where they alone fill a segment, a full spool would drop one for
            // each record that says what was dropped, and never come to an end.
            segmentBytes = 0
        }
        put(body, published: published)
    }

    private mutating func put(_ body: RecordBody, published: Timestamp) {
        if needsRun {
            queue.append(Run(epoch: epoch, first: nextPosition, beginsSegment: false))
        }
        var header = RecordHeader(
            kind: nil,
            epoch: epoch,
            position: nextPosition,
            revision: 0,
            published: published
        )
        writer.removeAll()
        switch body {
        case .blocks(let blocks, let revision):
            header.revision = Int64(revision)
            RecordWriter.write(header, blocks: blocks, to: &writer)
        case .declaration(let feed, let revision):
            header.revision = Int64(revision)
            RecordWriter.write(header, declaration: feed, to: &writer)
        case .loss(let loss):
            announced.append(Announcement(epoch: epoch, position: nextPosition, loss: loss))
            RecordWriter.write(header, loss: loss, to: &writer)
        case .end: RecordWriter.writeEnd(header, to: &writer)
        }
        accepted += 1
        let length = Self.add(
            writer,
            revision: header.revision,
            published: published,
            ordinal: accepted,
            to: &queue[queue.count - 1]
        )
        nextPosition += 1
        queueBytes += length
        segmentBytes += length
        if failure != nil { readable = nextPosition - 1 }
    }

    private var needsRun: Bool {
        guard let last = queue.last else { return true }
        // Behind what a failed sync has lost there is a hole.
        return last.isTaken || last.epoch != epoch || last.next != nextPosition
            || failure != nil && last.bytes.count >= Limits.run
    }

    private static func add(
        _ writer: borrowing MessagePackWriter,
        revision: Int64,
        published: Timestamp,
        ordinal: Int64,
        to run: inout Run
    ) -> Int {
        let start = run.bytes.count
        writer.withBytes { _ = Frame.append($0, to: &run.bytes) }
        run.entries.append(
            RunEntry(
                offset: UInt32(start),
                revision: UInt32(revision),
                published: published.nanoseconds
            )
        )
        run.lastOrdinal = ordinal
        return run.bytes.count - start
    }

    /// Ends the epoch and begins another one, with the same declarations.
    mutating func beginEpoch(at now: Timestamp, bootID: String) {
        encode(.end, published: now)
        close()
        epoch = EpochStarts.number(after: epoch, now: now, bootID: bootID)
        epochs.append(EpochEntry(epoch: epoch, bootID: bootID))
        starts.begin(epoch)
        nextPosition = 1
        readable = 0
        beginsSegmentNext = true
        resumeRecordWaiters()
    }

    /// The current epoch has its end record.
    mutating func close() {
        guard let last = epochs.indices.last else { return }
        epochs[last].isClosed = true
        epochs[last].last = nextPosition - 1
    }

    /// Tells those who wait that what they wait for is written or synced.
    mutating func resumeWaiters() {
        let (written, synced) = (written, synced)
        resume { $0.ordinal <= ($0.goal == .written ? written : synced) ? .done : nil }
        if hasRoom {
            for waiter in spaceWaiters { waiter.resume(returning: .retry) }
            spaceWaiters.removeAll()
        }
        resumeRecordWaiters()
    }

    /// Tells those who wait for the disk that there is none: what they gave is in memory, which
    /// is noted.
    ///
    /// With the `failure` of a try those who asked for one are told.
    mutating func resumeWaiters(failure: DiskError?) {
        let noted = noted
        resume { waiter in
            guard waiter.goal == .syncedOrFailed else {
                return waiter.ordinal <= noted ? .done : nil
            }
            return failure.map { .failed(.disk($0)) }
        }
        resumeWaiters()
    }

    private mutating func resume(_ outcome: (AppendWaiter) -> AppendWaiter.Outcome?) {
        guard !waiters.isEmpty else { return }
        var rest: [AppendWaiter] = []
        for waiter in waiters {
            if let outcome = outcome(waiter) {
                waiter.continuation.resume(returning: outcome)
            } else {
                rest.append(waiter)
            }
        }
        waiters = rest
    }
}
