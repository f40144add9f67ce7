internal import ArchiveFormat
internal import MessagePack
internal import Telemetry

/// Puts right checksums around any bytes: without them nothing behind a checksum would be reached.
enum FuzzFiles {
    /// A sealed file whose footer is `footer`, with some bytes for its chunks.
    static func sealed(footer: UnsafeRawBufferPointer) -> [UInt8] {
        var file = SealedLayout.head() + Array(repeating: 7, count: 256)
        let packed = stored(footer)
        let offset = file.count
        file += packed
        let trailer = file.count
        append(UInt64(offset), to: &file)
        append(UInt64(packed.count), to: &file)
        append(UInt64(footer.count), to: &file)
        let crc = file.withUnsafeBytes {
            crc32c(UnsafeRawBufferPointer(rebasing: $0[offset..<(trailer + 24)]))
        }
        append(crc, to: &file)
        // The one that it says itself: with another one nothing behind that would be reached.
        let limits = MessagePackLimits(depth: 16, items: SealedLimits.footerItems)
        let value = try? Value(messagePack: Array(footer), limits: limits)
        let version = value?["version"]?.int
        append(version.flatMap(UInt32.init(exactly:)) ?? SealedLayout.version, to: &file)
        return file + SealedLayout.closingMagic
    }

    /// A frame of zstd whose blocks are not compressed.
    ///
    /// Source: RFC 8878, sections 3.1.1.1 and 3.1.1.2.
    private static func stored(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        let longest = 128 << 10
        var frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0xA0]
        append(UInt32(bytes.count), to: &frame)
        var start = 0
        repeat {
            let count = min(longest, bytes.count - start)
            let isLast = start + count == bytes.count
            let head = UInt32(isLast ? 1 : 0) | UInt32(count) << 3
            for byte in 0..<3 { frame.append(UInt8(truncatingIfNeeded: head >> (8 * byte))) }
            frame += bytes[start..<(start + count)]
            start += count
        } while start < bytes.count
        return frame
    }

    /// A segment of a journal of pieces: rubbish, frames, and batches of records in frames.
    static func journal(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var file: [UInt8] = []
        var records: [UInt8] = []
        var position: Int64 = 1
        var count: Int64 = 0
        for (kind, piece) in pieces(bytes) {
            switch kind & 3 {
            case 0: file += piece
            case 1: appendFrame(Array(piece), to: &file)
            case 2:
                appendFrame(Array(piece), to: &records)
                count += 1
            default:
                var writer = MessagePackWriter()
                let batch = records
                batch.withUnsafeBytes { frames in
                    JournalRecord.batch(
                        instance: "a",
                        epoch: 1,
                        first: position,
                        count: count,
                        received: Timestamp(seconds: 1_795_237_800),
                        frames: frames
                    ).write(to: &writer)
                }
                appendFrame(writer.bytes, to: &file)
                position += count
                (records, count) = ([], 0)
            }
        }
        return file
    }

    /// Frames of so3g, each with the entries of the pieces before it.
    static func g3(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var file: [UInt8] = []
        var entries: [(key: [UInt8], value: [UInt8])] = []
        let keys = [
            "description", "start_time", "session_id", "hkagg_version", "hkagg_type", "timestamp",
            "providers", "block_names", "blocks", "prov_id", "address", "provider_session_id",
            "core", "junk", "", "x",
        ]
        for (kind, piece) in pieces(bytes) {
            if kind & 0xC0 == 0 { file += piece }
            if kind & 0x40 != 0 {
                entries.append((Array(keys[Int(kind & 15)].utf8), Array(piece)))
            }
            guard kind & 0x80 != 0 else { continue }
            file.append(1)
            append(UInt32(1), to: &file)
            append(UInt32(entries.count), to: &file)
            append(UInt32(UInt8(ascii: "H")), to: &file)
            var crc = UInt32.max
            for (key, value) in entries {
                for part in [key, value] {
                    append(UInt64(part.count), to: &file)
                    file += part
                    crc = part.withUnsafeBytes { crc32c($0, continuing: crc) }
                }
            }
            append(~crc, to: &file)
            entries = []
        }
        return file
    }

    /// Pieces of a byte that says their kind, two for their length, and so many bytes.
    private static func pieces(_ bytes: UnsafeRawBufferPointer) -> [(UInt8, ArraySlice<UInt8>)] {
        let all = Array(bytes)[...]
        var pieces: [(UInt8, ArraySlice<UInt8>)] = []
        var place = 0
        while place + 3 <= all.count {
            let length = Int(all[place + 1]) | Int(all[place + 2]) << 8
            let end = min(all.count, place + 3 + length)
            pieces.append((all[place], all[(place + 3)..<end]))
            place = end
        }
        return pieces
    }

    private static func appendFrame(_ payload: [UInt8], to file: inout [UInt8]) {
        guard !payload.isEmpty else { return }
        payload.withUnsafeBytes { _ = Frame.append($0, to: &file) }
    }

    private static func append(_ value: some FixedWidthInteger, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
}
