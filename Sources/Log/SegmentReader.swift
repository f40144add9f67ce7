internal import ArchiveFormat
internal import Telemetry

/// Reads the records after a position out of one segment, over damage where there is any.
struct SegmentReader {
    /// What is read: records without a hole between them.
    struct Piece {
        var first: Int64 = 0, count: Int64 = 0
        var frames: [UInt8] = []
        /// The checksum and date of the last record, and where its frame ends.
        var crc: UInt32 = 0
        var offset = 0
        var published: Timestamp?
        /// When the record before the first one was published, if it was seen.
        var before: Timestamp?
        var from: Timestamp?
        /// Whether the record at `after` is another one than the archive has.
        var isOther = false
    }

    let file: any SegmentFile
    let epoch: Int64
    /// Where the segment's good records end, and the position that it does not reach.
    let end: Int, limit: Int64
    let after: Int64
    /// The checksum of the record at `after`, 0 where it is not to be compared.
    let crc: UInt32
    let maxBytes: Int

    private var window: [UInt8] = []
    /// The part of the window that belongs to the piece and is not copied yet.
    private var taken = 0..<0
    private var windowStart = 0
    private var offset: Int
    private var piece = Piece()
    /// The position of the next record, as far as it is known, for those that do not tell.
    private var expected: Int64

    init(
        file: any SegmentFile,
        epoch: Int64,
        from place: SegmentIndex.Place,
        end: Int,
        limit: Int64,
        after: Int64,
        crc: UInt32,
        maxBytes: Int
    ) {
        self.file = file
        self.epoch = epoch
        self.end = end
        self.limit = limit
        self.after = after
        self.crc = crc
        self.maxBytes = maxBytes
        offset = place.offset
        expected = place.position
        piece.offset = place.offset
    }

    /// Reads until there are enough bytes, a hole, or nothing more.
    mutating func read() throws(DiskError) -> Piece {
        while offset < end {
            let length = try frameLength()
            guard let length, let frame = try frame(length) else {
                // Behind damage the next piece begins.
                if piece.count > 0 { break }
                guard try skipDamage() else { break }
                continue
            }
            guard take(frame) else { break }
        }
        copyTaken()
        return piece
    }

    /// Copies frames to the piece, many at once.
    private mutating func copyTaken() {
        piece.frames.append(contentsOf: window[taken])
        taken = 0..<0
    }

    /// The length of the frame at the offset by its own word; nil where there is none.
    private mutating func frameLength() throws(DiskError) -> Int? {
        guard end - offset > Frame.headerLength else { return nil }
        try load(Frame.headerLength)
        let start = offset - windowStart
        guard window.count - start >= Frame.headerLength else { return nil }
        let (magic, length) = window.withUnsafeBytes { bytes in
            (
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self)),
                UInt32(
                    littleEndian: bytes.loadUnaligned(fromByteOffset: start + 4, as: UInt32.self)
                )
            )
        }
        guard magic == Frame.magic, (1...Frame.longestPayload).contains(Int(length)),
            Int(length) + Frame.headerLength <= end - offset
        else { return nil }
        return Int(length) + Frame.headerLength
    }

    /// The frame in the window; nil where its checksum says that it is none.
    private mutating func frame(_ length: Int) throws(DiskError) -> Range<Int>? {
        try load(length)
        let start = offset - windowStart
        guard window.count - start >= length else { return nil }
        let isGood = window.withUnsafeBytes { bytes in
            var scanner = FrameScanner(
                UnsafeRawBufferPointer(rebasing: bytes[start..<(start + length)])
            )
            guard case .frame(0, _, _)? = scanner.next() else { return false }
            return true
        }
        return isGood ? start..<(start + length) : nil
    }

    /// Looks at one record; false where the piece is complete without it.
    private mutating func take(_ frame: Range<Int>) -> Bool {
        let (peek, crc) = window.withUnsafeBytes { bytes in
            let payload = bytes[(frame.lowerBound + Frame.headerLength)..<frame.upperBound]
            let crc = bytes.loadUnaligned(
                fromByteOffset: frame.lowerBound + 8,
                as: UInt32.self
            )
            return (
                RecordPeek(UnsafeRawBufferPointer(rebasing: payload)), UInt32(littleEndian: crc)
            )
        }
        let position = peek?.position ?? expected
        guard position < limit else { return false }
        if (peek?.epoch ?? epoch) == epoch, position > after {
            if piece.count == 0 {
                piece.first = position
                piece.from = peek?.published
                piece.frames.reserveCapacity(min(maxBytes, end - offset))
            } else if position != piece.first + piece.count
                || piece.frames.count + taken.count + frame.count > maxBytes
            {
                return false
            }
            if frame.lowerBound != taken.upperBound {
                copyTaken()
                taken = frame
            }
            taken = taken.lowerBound..<frame.upperBound
            piece.count += 1
            piece.crc = crc
            piece.published = peek?.published ?? piece.published
        } else if position <= after {
            if position == after, self.crc != 0, self.crc != crc {
                piece.isOther = true
                return false
            }
            piece.before = peek?.published ?? piece.before
        }
        expected = position + 1
        offset += frame.count
        piece.offset = offset
        return true
    }

    /// Goes to the next good frame; false where none follows.
    private mutating func skipDamage() throws(DiskError) -> Bool {
        let rest = try file.bytes(offset..<end)
        let next = rest.withUnsafeBytes { bytes -> Int? in
            var scanner = FrameScanner(bytes)
            switch scanner.next() {
            case .damage(let range)?: return range.upperBound
            // The frame is good on the second reading.
            case .frame(let offset, _, _)?: return offset
            case nil: return nil
            }
        }
        guard let next else {
            piece.offset = end
            return false
        }
        window = rest
        windowStart = offset
        offset += next
        return true
    }

    /// Makes the window hold `count` bytes from the offset on, if the file has them.
    private mutating func load(_ count: Int) throws(DiskError) {
        guard offset + count > windowStart + window.count || offset < windowStart else { return }
        copyTaken()
        let wanted = max(count, min(maxBytes, Limits.fetch) + Limits.indexStride)
        window = try file.bytes(offset..<min(end, offset + wanted))
        windowStart = offset
    }
}
