internal import ArchiveFormat

/// One frame of a `.g3` file: its type, and values by key.
public struct G3Frame: Hashable, Sendable {
    /// The letters of the type, `H` for housekeeping.
    public var type: String
    /// Where the frame begins in the file, and how long it is, in bytes.
    public let range: Range<Int>
    /// The checksum at its end.
    public let checksum: UInt32
    /// The archives behind the keys, in the order of the file.
    let blobs: [Blob]

    /// An archive behind a key.
    struct Blob: Hashable {
        let key: String, bytes: ArraySlice<UInt8>
    }

    /// The value behind `key`; nil where there is none.
    ///
    /// - Throws: ``G3Error`` for a value that is none, with its place in the file.
    public func value(_ key: String) throws(G3Error) -> G3Value? {
        guard let blob = blobs.first(where: { $0.key == key }) else { return nil }
        do throws(G3Error) {
            return try G3ArchiveReader.value(blob.bytes)
        } catch {
            throw G3Error(offset: range.lowerBound + error.offset, error.reason)
        }
    }

    /// The keys, in the order of the file.
    public var keys: [String] { blobs.map(\.key) }

    /// The checksum over keys and values: CRC-32C with a register that begins at 0 and is not
    /// inverted at the end.
    static func checksum(_ parts: [[UInt8]]) -> UInt32 {
        ~parts.reduce(UInt32.max) { crc, part in
            part.withUnsafeBytes { crc32c($0, continuing: crc) }
        }
    }

    /// Reads the frame at the beginning of `bytes`, which is at `offset` of the file.
    ///
    /// - Throws: ``G3Error``; ``G3Error/Reason/cutOff`` where more bytes may make it whole.
    static func read(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(G3Error) -> G3Frame {
        do throws(G3Error) {
            let outline = try FrameOutline(bytes)
            let found = outline.checksum(bytes)
            guard found == outline.checksum else {
                throw G3Error(offset: 0, .checksum(found: found, expected: outline.checksum))
            }
            // Places inside of a value count from the beginning of the frame.
            let frame = Array(bytes[..<outline.end])
            return G3Frame(
                type: letters(outline.type),
                range: offset..<(offset + outline.end),
                checksum: found,
                blobs: outline.parts.map { key, value in
                    Blob(key: String(decoding: frame[key], as: UTF8.self), bytes: frame[value])
                }
            )
        } catch {
            throw G3Error(offset: error.offset + offset, error.reason)
        }
    }

    /// The letters of a type code: the last one is the low byte.
    private static func letters(_ code: UInt32) -> String {
        let bytes = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: code >> UInt32($0)) }
        return String(decoding: bytes.drop { $0 == 0 }, as: UTF8.self)
    }
}

/// Where the parts of a frame are, counted from its beginning.
private struct FrameOutline {
    let type: UInt32, checksum: UInt32
    private(set) var parts: [(key: Range<Int>, value: Range<Int>)] = []
    /// Where the frame ends.
    let end: Int

    init(_ bytes: UnsafeRawBufferPointer) throws(G3Error) {
        var place = 0
        var isBigEndian = false
        func number<Word: FixedWidthInteger>(_ type: Word.Type) throws(G3Error) -> Word {
            guard bytes.count - place >= MemoryLayout<Word>.size else {
                throw G3Error(offset: place, .cutOff)
            }
            let word = bytes.loadUnaligned(fromByteOffset: place, as: Word.self)
            place += MemoryLayout<Word>.size
            return isBigEndian ? Word(bigEndian: word) : Word(littleEndian: word)
        }
        /// A length and so many bytes; the end of a window is no proof that the length lies.
        func part() throws(G3Error) -> Range<Int> {
            let count = try number(UInt64.self)
            guard count <= UInt64(G3Limits.frame) else {
                throw G3Error(offset: place - 8, .malformed("a part of \(count) bytes"))
            }
            guard Int(count) <= bytes.count - place else { throw G3Error(offset: place, .cutOff) }
            defer { place += Int(count) }
            return place..<(place + Int(count))
        }
        let flag = try number(UInt8.self)
        guard flag <= 1 else {
            throw G3Error(offset: 0, .malformed("byte-order flag \(flag), expected 0 or 1"))
        }
        isBigEndian = flag == 0
        let version = try number(UInt32.self)
        guard version == 1 else {
            throw G3Error(offset: 1, .malformed("version \(version) of frames, expected 1"))
        }
        let count = try number(UInt32.self)
        guard count <= G3Limits.entries else {
            throw G3Error(offset: 5, .malformed("\(count) entries of a frame"))
        }
        type = try number(UInt32.self)
        for _ in 0..<count { parts.append((try part(), try part())) }
        checksum = try number(UInt32.self)
        end = place
    }

    /// The checksum of what the parts hold.
    func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var crc = UInt32.max
        for (key, value) in parts {
            crc = crc32c(UnsafeRawBufferPointer(rebasing: bytes[key]), continuing: crc)
            crc = crc32c(UnsafeRawBufferPointer(rebasing: bytes[value]), continuing: crc)
        }
        return ~crc
    }
}
