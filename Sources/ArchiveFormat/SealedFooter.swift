public import Telemetry

/// What a sealed file says about itself: all but the columns.
public struct SealedFooter: Hashable, Sendable {
    /// The file's own random id, and that of its archive.
    public var id: String, archive: String
    /// When it was sealed.
    public var created: Timestamp
    /// The ids of the segments and files that it was made from: they count no more.
    public var sources: [String]
    /// When the first segment of it was opened, and the last batch in it received.
    public var receivedFrom: Timestamp, receivedTo: Timestamp
    /// How far the archive had come before and after what is in the file.
    public var cursorsBefore: [Cursor], cursors: [Cursor]
    /// Whose rows are in a file that was imported, of which no cursor tells; else empty.
    public var instances: [String]
    /// The timelines; of two with one name the later one arrived later.
    ///
    /// There are several where one declaration followed another, or where one would not have fit
    /// the memory of the sealer.
    public var timelines: [SealedTimeline]
    /// What is left of samples that retention has removed.
    public var reduced: [ReducedTimeline]
    /// What is known to be missing.
    public var ledger: [LedgerEntry]
    /// Records that nobody could decode, as they came.
    public var unreadable: [UnreadableRecord]
    /// The declarations that were in force at the end, for those who go on from here.
    public var declarations: [KeptDeclaration]
    /// Places of the segments that were no journal.
    public var damage: [String]
    /// Where the trailers of the parts before this footer end: what they say, the last footer of a
    /// file says as well.
    public var parts: [Int]
    /// How this footer goes on from the part before it; nil for the last one, which tells all.
    public var part: SealedPart?

    /// A footer without timelines.
    public init(
        id: String,
        archive: String,
        created: Timestamp,
        sources: [String],
        receivedFrom: Timestamp,
        receivedTo: Timestamp
    ) {
        self.id = id
        self.archive = archive
        self.created = created
        self.sources = sources
        self.receivedFrom = receivedFrom
        self.receivedTo = receivedTo
        cursorsBefore = []
        cursors = []
        instances = []
        timelines = []
        reduced = []
        ledger = []
        unreadable = []
        declarations = []
        damage = []
        parts = []
        part = nil
    }
}

/// What makes a footer a part: it describes what stands between the part before it and itself.
///
/// All parts name the file. What else is not about chunks is in the first one, as far as it was
/// known then, and in the last one; it is empty in the others.
public struct SealedPart: Hashable, Sendable {
    /// Whether its first timeline, and its first reduced one, have further groups of the last ones
    /// before it.
    public var continuesTimeline: Bool, continuesReduced: Bool
    /// Whether no chunk follows.
    public var isLast: Bool

    /// The place of a part.
    public init(continuesTimeline: Bool, continuesReduced: Bool, isLast: Bool) {
        self.continuesTimeline = continuesTimeline
        self.continuesReduced = continuesReduced
        self.isLast = isLast
    }
}

/// The rows of one feed under one declaration, sorted by time, equal times in order of arrival.
public struct SealedTimeline: Hashable, Sendable {
    /// The instance that published it.
    public var instance: String
    /// The declaration.
    public var feed: Feed
    /// The epochs that the rows come from.
    public var epochs: [Int64]
    /// The rows, in pieces; a piece ends at a jump of more than an hour or at its limit.
    public var groups: [SealedGroup]

    /// A timeline.
    public init(instance: String, feed: Feed, epochs: [Int64], groups: [SealedGroup]) {
        self.instance = instance
        self.feed = feed
        self.epochs = epochs
        self.groups = groups
    }

    /// How many rows it has.
    public var rows: Int { groups.reduce(0) { $0 + $1.rows } }
}

/// Consecutive rows of a timeline: one chunk of times and one for each field.
public struct SealedGroup: Hashable, Sendable {
    /// How many rows there are.
    public var rows: Int
    /// The first and the last time.
    public var first: Timestamp, last: Timestamp
    /// How long after its time a row was received, at least and at most, in nanoseconds.
    public var shortestDelay: Int64, longestDelay: Int64
    /// The times: an integer column.
    public var times: Chunk
    /// A chunk for each field, in declared order, and what it amounts to.
    public var columns: [SealedColumn]
    /// The roll-ups that are worth their bytes.
    public var rollups: [SealedRollup]

    /// A group.
    public init(
        rows: Int,
        first: Timestamp,
        last: Timestamp,
        shortestDelay: Int64,
        longestDelay: Int64,
        times: Chunk,
        columns: [SealedColumn],
        rollups: [SealedRollup]
    ) {
        self.rows = rows
        self.first = first
        self.last = last
        self.shortestDelay = shortestDelay
        self.longestDelay = longestDelay
        self.times = times
        self.columns = columns
        self.rollups = rollups
    }
}

/// What the rows of one feed amounted to whose samples retention has removed.
public struct ReducedTimeline: Hashable, Sendable {
    /// The instance that published them.
    public var instance: String
    /// The declaration.
    public var feed: Feed
    /// The epochs that the rows came from.
    public var epochs: [Int64]
    /// The rows, in the pieces that they were.
    public var groups: [ReducedGroup]

    /// A timeline without samples.
    public init(instance: String, feed: Feed, epochs: [Int64], groups: [ReducedGroup]) {
        self.instance = instance
        self.feed = feed
        self.epochs = epochs
        self.groups = groups
    }

    /// How many rows it had.
    public var rows: Int { groups.reduce(0) { $0 + $1.rows } }
}

/// What consecutive rows amounted to, whose times and values are no longer there.
public struct ReducedGroup: Hashable, Sendable {
    /// How many rows there were.
    public var rows: Int
    /// The first and the last time.
    public var first: Timestamp, last: Timestamp
    /// How long after its time a row was received, at least and at most, in nanoseconds.
    public var shortestDelay: Int64, longestDelay: Int64
    /// What each field amounted to, in declared order.
    public var statistics: [Statistics]
    /// The roll-ups: by hour always, by minute where there were enough rows.
    public var rollups: [SealedRollup]

    /// A group without samples.
    public init(
        rows: Int,
        first: Timestamp,
        last: Timestamp,
        shortestDelay: Int64,
        longestDelay: Int64,
        statistics: [Statistics],
        rollups: [SealedRollup]
    ) {
        self.rows = rows
        self.first = first
        self.last = last
        self.shortestDelay = shortestDelay
        self.longestDelay = longestDelay
        self.statistics = statistics
        self.rollups = rollups
    }
}

/// A piece of the column of one field.
public struct SealedColumn: Hashable, Sendable {
    /// Where it is.
    public var chunk: Chunk
    /// What it amounts to.
    public var statistics: Statistics

    /// A piece of a column.
    public init(chunk: Chunk, statistics: Statistics) {
        self.chunk = chunk
        self.statistics = statistics
    }
}

/// The statistics of the rows of one group, bucket by bucket.
///
/// A bucket that reaches into another group or file has a part of its statistics in each.
public struct SealedRollup: Hashable, Sendable {
    /// The chunks of one field: see ``Rollup/columns(_:rows:)``.
    public struct Column: Hashable, Sendable {
        /// 2 N integers; nil where every row of each bucket has a number.
        public var counts: Chunk?
        /// The least, the most and the sums: three chunks of N doubles, in version 1 one of 3 N.
        public var numbers: [Chunk]

        /// The chunks of one field.
        public init(counts: Chunk?, numbers: [Chunk]) {
            self.counts = counts
            self.numbers = numbers
        }
    }

    /// The grid.
    public var tier: RollupTier
    /// N, the buckets that hold a row.
    public var buckets: Int
    /// Where each of them begins: an integer column.
    public var starts: Chunk
    /// How many rows each of them has: an integer column; nil in files of version 1.
    public var rows: Chunk?
    /// The statistics of each field, in declared order; nil for texts.
    public var columns: [Column?]

    /// A roll-up.
    public init(
        tier: RollupTier,
        buckets: Int,
        starts: Chunk,
        rows: Chunk?,
        columns: [Column?]
    ) {
        self.tier = tier
        self.buckets = buckets
        self.starts = starts
        self.rows = rows
        self.columns = columns
    }
}

/// A record that could not be decoded, kept for a version that can.
public struct UnreadableRecord: Hashable, Sendable {
    /// Whose it is and where in the epoch.
    public var instance: String, epoch: Int64, position: Int64
    /// When it was received.
    public var received: Timestamp
    /// Why it could not be decoded.
    public var reason: String
    /// The payload of the record: a plain or zstd chunk of bytes.
    public var chunk: Chunk

    /// An unreadable record.
    public init(
        instance: String,
        epoch: Int64,
        position: Int64,
        received: Timestamp,
        reason: String,
        chunk: Chunk
    ) {
        self.instance = instance
        self.epoch = epoch
        self.position = position
        self.received = received
        self.reason = reason
        self.chunk = chunk
    }
}

/// A declaration as its record stood in the log.
public struct KeptDeclaration: Hashable, Sendable {
    /// Whose it is, and its number within the epoch.
    public var instance: String, epoch: Int64, revision: Int64
    /// The frame around the record that declares it.
    public var frame: [UInt8]

    /// A declaration in force.
    public init(instance: String, epoch: Int64, revision: Int64, frame: [UInt8]) {
        self.instance = instance
        self.epoch = epoch
        self.revision = revision
        self.frame = frame
    }
}
