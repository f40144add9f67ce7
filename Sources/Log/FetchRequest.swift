public import Telemetry

/// What an archive asks a log for: the records after a position.
public struct FetchRequest: Hashable, Sendable {
    /// The archive's random id; the log keeps what an archive that ever asked has not committed.
    public var archive: String
    /// The epoch; 0 is the oldest that is there.
    public var epoch: Int64
    /// The last position that the archive has of that epoch; 0 before the first.
    public var after: Int64
    /// The frame checksum of the record at ``after``; 0 where it is not known.
    public var crc: UInt32
    /// The last record that the archive has on its disk: its epoch and position.
    ///
    /// All epochs before it are committed as well.
    public var committedEpoch: Int64, committedPosition: Int64
    /// The most bytes of frames to answer, but always one record; cut to 4 MiB.
    public var maxBytes: Int

    /// Whether the archive has nothing of this instance yet: what came before is no loss to it.
    var isJoining: Bool { epoch == 0 || after == 0 && committedEpoch == 0 }

    /// A request.
    public init(
        archive: String,
        epoch: Int64,
        after: Int64,
        crc: UInt32,
        committedEpoch: Int64,
        committedPosition: Int64,
        maxBytes: Int
    ) {
        self.archive = archive
        self.epoch = epoch
        self.after = after
        self.crc = crc
        self.committedEpoch = committedEpoch
        self.committedPosition = committedPosition
        self.maxBytes = maxBytes
    }
}

/// What a log answers: records of one epoch without a hole between them.
public struct FetchAnswer: Hashable, Sendable {
    /// How to go on after the records of the answer.
    public enum State: Hashable, Sendable {
        /// There is more of this epoch now.
        case more
        /// That is all of this epoch until now.
        case caughtUp
        /// Nothing of this epoch will follow; `nextEpoch` is nil where there is none yet.
        case finished(nextEpoch: Int64?)
        /// The epoch is not held any more, or never was. What an archive lost by that has a loss
        /// record in a later epoch: this is no reason for a row of the ledger.
        case gone(nextEpoch: Int64)
        /// The archive holds other records than the log: the disk was rolled back. Nothing of this
        /// epoch can follow.
        case diverged(nextEpoch: Int64)
    }

    /// The epoch of the records.
    public var epoch: Int64
    /// The position of the first record, and how many there are.
    ///
    /// Where ``first`` is beyond
    /// `after` + 1, ``losses`` tells what was damaged between; what was dropped before it because
    /// the spool was full has a loss record of its own.
    public var first: Int64, count: Int64
    /// Whole frames, as they stand in the log.
    public var frames: [UInt8]
    /// How to go on.
    public var state: State
    /// What is missing before or behind the records, for the ledger.
    public var losses: [LedgerEntry]

    /// An answer.
    public init(
        epoch: Int64,
        first: Int64 = 0,
        count: Int64 = 0,
        frames: [UInt8] = [],
        state: State,
        losses: [LedgerEntry] = []
    ) {
        self.epoch = epoch
        self.first = first
        self.count = count
        self.frames = frames
        self.state = state
        self.losses = losses
    }
}
