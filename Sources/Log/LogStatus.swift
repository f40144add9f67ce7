public import Telemetry

/// What a log holds, and for whom.
public struct LogStatus: Hashable, Sendable {
    /// How far an archive has committed.
    public struct Commit: Hashable, Sendable {
        /// The epoch and the position in it.
        public let epoch: Int64, position: Int64
    }

    /// The current epoch, and its newest position that a fetch returns; 0 before the first record.
    public let epoch: Int64, newest: Int64
    /// The oldest record that is held: its epoch and position; the next one where there is none.
    public let oldestEpoch: Int64, oldest: Int64
    /// Bytes on the disk, and bytes in memory that are not written yet.
    public let byteCount: Int, memoryByteCount: Int
    /// The bytes that the spool may have on the disk.
    public let size: Int
    /// Why the disk is not written at the moment; nil where it is.
    public let failure: DiskError?
    /// The archives that hold segments back, by id.
    public let archives: [String: Commit]

    /// The result of the action `log`, without the feeds.
    public var value: Value {
        [
            "epoch": .int(epoch), "newest": .int(newest),
            "oldest_epoch": .int(oldestEpoch), "oldest": .int(oldest),
            "bytes": .int(Int64(byteCount)), "memory": .int(Int64(memoryByteCount)),
            "size": .int(Int64(size)), "failure": failure.map { .string("\($0)") } ?? .null,
            "archives": .map(
                archives.mapValues { ["epoch": .int($0.epoch), "position": .int($0.position)] }
            ),
        ]
    }
}
