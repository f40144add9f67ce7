public import MessagePack
public import Telemetry

/// How far an archive has come with one epoch of one instance.
public struct Cursor: Hashable, Sendable {
    /// The instance and the epoch of its log.
    public var instance: String, epoch: Int64
    /// The last position that the archive holds; 0 before the first.
    public var position: Int64
    /// The frame checksum of the record at ``position``; 0 before the first.
    public var crc: UInt32
    /// Whether the epoch's end is in the archive: nothing of it will follow.
    public var isFinished: Bool

    /// A cursor.
    public init(
        instance: String,
        epoch: Int64,
        position: Int64,
        crc: UInt32,
        isFinished: Bool = false
    ) {
        self.instance = instance
        self.epoch = epoch
        self.position = position
        self.crc = crc
        self.isFinished = isFinished
    }
}

/// One entry of an archive's journal.
///
/// `[1, archive, segment, created_ns, [[instance, epoch, position, crc, finished], …]]`,
/// `[2, instance, epoch, first, count, received_ns, frames]` or `[3, ledger row]`.
public enum JournalRecord {
    /// What every segment opens with: whose it is and how far the archive had come before it.
    case opening(archive: String, segment: String, created: Timestamp, cursors: [Cursor])
    /// Records of one epoch, `first` and the `count` - 1 that follow it, as the agent's log had
    /// them: `frames` is whole frames of ``Record``, valid during the call that decodes it.
    case batch(
        instance: String,
        epoch: Int64,
        first: Int64,
        count: Int64,
        received: Timestamp,
        frames: UnsafeRawBufferPointer
    )
    /// What is known to be missing.
    case ledger(LedgerEntry)

    /// Writes the entry.
    public func write(to writer: inout MessagePackWriter) {
        switch self {
        case .opening(let archive, let segment, let created, let cursors):
            writer.beginArray(5)
            writer.write(Int64(1))
            writer.write(archive)
            writer.write(segment)
            writer.write(created.nanoseconds)
            writer.beginArray(cursors.count)
            for cursor in cursors { cursor.write(to: &writer) }
        case .batch(let instance, let epoch, let first, let count, let received, let frames):
            writer.beginArray(7)
            writer.write(Int64(2))
            writer.write(instance)
            writer.write(epoch)
            writer.write(first)
            writer.write(count)
            writer.write(received.nanoseconds)
            writer.write(bytes: frames)
        case .ledger(let entry):
            writer.beginArray(2)
            writer.write(Int64(3))
            writer.write(entry.value)
        }
    }

    /// Calls `read` with the entry in `payload`, which is valid during the call only.
    ///
    /// - Throws: ``RecordError``, or what `read` throws.
    public static func withRecord<Result>(
        in payload: UnsafeRawBufferPointer,
        _ read: (JournalRecord) throws -> Result
    ) throws -> Result {
        try read(JournalRecord(payload))
    }

    /// The entry in `payload`, which has to outlive it.
    public init(_ payload: UnsafeRawBufferPointer) throws(RecordError) {
        guard var reader = MessagePackReader(payload), let count = reader.array(), count >= 2,
            let kind = reader.int()
        else { throw .malformed("a journal entry is an array that begins with its kind") }
        switch (kind, count) {
        case (1, 5):
            guard let opening = Self.opening(&reader), reader.isAtEnd else {
                throw .malformed("the opening of a segment is none")
            }
            self = opening
        case (2, 7):
            guard let instance = reader.text(), let epoch = reader.int(),
                let first = reader.int(), let count = reader.int(), let received = reader.int(),
                LedgerEntry.possiblePositions.contains(first),
                LedgerEntry.possiblePositions.contains(count), let frames = reader.bytes(),
                reader.isAtEnd
            else { throw .malformed("a batch is none") }
            self = .batch(
                instance: instance,
                epoch: epoch,
                first: first,
                count: count,
                received: Timestamp(nanoseconds: received),
                frames: frames
            )
        case (3, 2):
            guard let value = try? Value(messagePack: reader.rest, limits: .records),
                let entry = LedgerEntry(value)
            else { throw .malformed("a ledger row is none") }
            self = .ledger(entry)
        default:
            throw .malformed("journal entry of kind \(kind) with \(count) parts is unknown")
        }
    }

    private static func opening(_ reader: inout MessagePackReader) -> JournalRecord? {
        guard let archive = reader.text(), let segment = reader.text(),
            let created = reader.int(), let count = reader.array()
        else { return nil }
        var cursors: [Cursor] = []
        for _ in 0..<count {
            guard let cursor = Cursor(&reader) else { return nil }
            cursors.append(cursor)
        }
        return .opening(
            archive: archive,
            segment: segment,
            created: Timestamp(nanoseconds: created),
            cursors: cursors
        )
    }
}

extension Cursor {
    /// Writes `[instance, epoch, position, crc, finished]`.
    public func write(to writer: inout MessagePackWriter) {
        writer.beginArray(5)
        writer.write(instance)
        writer.write(epoch)
        writer.write(position)
        writer.write(Int64(crc))
        writer.write(isFinished)
    }

    /// Reads what ``write(to:)`` wrote; nil for anything else.
    init?(_ reader: inout MessagePackReader) {
        guard reader.array() == 5, let instance = reader.text(), let epoch = reader.int(),
            let position = reader.int(), LedgerEntry.possiblePositions.contains(position),
            let crc = reader.int().flatMap(UInt32.init(exactly:)), let isFinished = reader.bool()
        else { return nil }
        self.init(
            instance: instance,
            epoch: epoch,
            position: position,
            crc: crc,
            isFinished: isFinished
        )
    }
}
