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
    /// - Throws: ``RecordError``, `MessagePackError`, or what `read` throws.
    public static func withRecord<Result>(
        in payload: UnsafeRawBufferPointer,
        _ read: (JournalRecord) throws -> Result
    ) throws -> Result {
        try withMessagePack(payload, limits: .records) { view in
            guard let count = view.arrayCount, count >= 2, let kind = view[0].int else {
                throw RecordError.malformed("a journal entry is an array that begins with its kind")
            }
            return try read(try decode(view, kind: kind, count: count))
        }
    }

    private static func decode(
        _ view: MessagePackView,
        kind: Int64,
        count: Int
    ) throws(RecordError) -> JournalRecord {
        switch (kind, count) {
        case (1, 5):
            guard let archive = view[1].string, let segment = view[2].string,
                let created = view[3].int, let length = view[4].arrayCount
            else { throw .malformed("the opening of a segment is none") }
            var cursors: [Cursor] = []
            for index in 0..<length {
                guard let cursor = Cursor(view[4][index]) else {
                    throw .malformed("cursor \(index) of a segment is none")
                }
                cursors.append(cursor)
            }
            return .opening(
                archive: archive,
                segment: segment,
                created: Timestamp(nanoseconds: created),
                cursors: cursors
            )
        case (2, 7):
            guard let instance = view[1].string, let epoch = view[2].int,
                let first = view[3].int, let count = view[4].int, let received = view[5].int,
                LedgerEntry.possiblePositions.contains(first),
                LedgerEntry.possiblePositions.contains(count), let frames = view[6].bytes
            else { throw .malformed("a batch is none") }
            return .batch(
                instance: instance,
                epoch: epoch,
                first: first,
                count: count,
                received: Timestamp(nanoseconds: received),
                frames: frames
            )
        case (3, 2):
            guard let value = view[1].value, let entry = LedgerEntry(value) else {
                throw .malformed("a ledger row is none")
            }
            return .ledger(entry)
        default:
            throw .malformed("journal entry of kind \(kind) with \(count) parts is unknown")
        }
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
    public init?(_ view: MessagePackView) {
        guard view.arrayCount == 5, let instance = view[0].string, let epoch = view[1].int,
            let position = view[2].int, LedgerEntry.possiblePositions.contains(position),
            let crc = view[3].int.flatMap(UInt32.init(exactly:)), let isFinished = view[4].bool
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
