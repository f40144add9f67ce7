internal import ArchiveFormat
internal import Telemetry

/// Where one record of a run begins, and what the log has to know of it.
struct RunEntry: Sendable {
    let offset: UInt32
    /// The number of the feed's declaration; 0 where no feed is concerned.
    let revision: UInt32
    let published: Int64
}

/// Records that are encoded and not yet written: consecutive ones of one segment.
struct Run: Sendable {
    let epoch: Int64
    /// The position of the first record.
    let first: Int64
    /// Whether a segment begins here; the run then begins with the declarations.
    let beginsSegment: Bool
    var bytes: [UInt8] = []
    var entries: [RunEntry] = []
    /// How many records the log had accepted up to the last one of the run.
    var lastOrdinal: Int64 = 0
    /// Whether the writing thread has it: nobody may append to it any more.
    var isTaken = false
    /// Whether the run has to stand in a file of its own, which is named after its first record:
    /// one that was read back takes the place of the file in doubt, which would hide it otherwise.
    var beginsFile = false
    /// How many of the records have gone out on PUB.
    var publishedCount = 0

    var next: Int64 { first + Int64(entries.count) }

    /// The frame of entry `index`.
    func frame(_ index: Int) -> Range<Int> {
        let end = index + 1 < entries.count ? Int(entries[index + 1].offset) : bytes.count
        return Int(entries[index].offset)..<end
    }

    /// The checksum in the frame of entry `index`.
    func crc(_ index: Int) -> UInt32 {
        bytes.withUnsafeBytes {
            UInt32(
                littleEndian: $0.loadUnaligned(
                    fromByteOffset: Int(entries[index].offset) + 8,
                    as: UInt32.self
                )
            )
        }
    }

    /// Puts another run behind this one, whose last record its first one follows.
    mutating func append(_ run: Run) {
        let start = UInt32(bytes.count)
        bytes += run.bytes
        for entry in run.entries {
            entries.append(
                RunEntry(
                    offset: start + entry.offset,
                    revision: entry.revision,
                    published: entry.published
                )
            )
        }
    }

    /// How many whole records the first `byteCount` bytes hold.
    func wholeRecords(in byteCount: Int) -> Int {
        entries.indices.prefix { frame($0).upperBound <= byteCount }.count
    }

    /// The run without its first `count` records, for a segment of its own.
    func withoutFirst(_ count: Int) -> Run {
        var rest = Run(epoch: epoch, first: first + Int64(count), beginsSegment: false)
        let start = count < entries.count ? entries[count].offset : UInt32(bytes.count)
        rest.bytes = Array(bytes[Int(start)...])
        rest.entries = entries[count...].map {
            RunEntry(offset: $0.offset - start, revision: $0.revision, published: $0.published)
        }
        rest.lastOrdinal = lastOrdinal
        rest.publishedCount = max(0, publishedCount - count)
        return rest
    }

    /// The records that stand in `bytes`, which were written and may be lost: as far as they are
    /// whole and consecutive.
    init(epoch: Int64, first: Int64, beginsSegment: Bool, readBack bytes: [UInt8]) {
        self.init(epoch: epoch, first: first, beginsSegment: beginsSegment)
        var end = 0
        var entries: [RunEntry] = []
        bytes.withUnsafeBytes { buffer in
            var scanner = FrameScanner(buffer)
            while case .frame(let offset, let payload, _)? = scanner.next() {
                guard let peek = RecordPeek(payload), peek.epoch == epoch,
                    peek.position == first + Int64(entries.count)
                else { break }
                let isOfFeed = peek.kind <= RecordKind.declaration.rawValue
                entries.append(
                    RunEntry(
                        offset: UInt32(offset),
                        revision: isOfFeed ? UInt32(peek.revision) : 0,
                        published: peek.published.nanoseconds
                    )
                )
                end = scanner.offset
            }
        }
        self.bytes = Array(bytes[..<end])
        self.entries = entries
        publishedCount = entries.count
        beginsFile = true
    }

    init(epoch: Int64, first: Int64, beginsSegment: Bool) {
        self.epoch = epoch
        self.first = first
        self.beginsSegment = beginsSegment
    }
}
