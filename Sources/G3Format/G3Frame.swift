internal import ArchiveFormat

/// One frame of a `.g3` file: its type, and values by key.
public struct G3Frame: Hashable, Sendable {
    /// The letters of the type, `H` for housekeeping.
    public var type: String
    /// Where the frame begins in the file, and how long it is, in bytes.
    public let range: Range<Int>
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
    static func checksum(_ blobs: [Blob]) -> UInt32 {
        var crc = UInt32.max
        for blob in blobs {
            var key = blob.key
            crc = key.withUTF8 { crc32c(UnsafeRawBufferPointer($0), continuing: crc) }
            crc = blob.bytes.withUnsafeBytes { crc32c($0, continuing: crc) }
        }
        return ~crc
    }

    /// Reads the frame at the beginning of `bytes`, which is at `offset` of the file.
    ///
    /// - Throws: ``G3Error``; ``G3Error/Reason/cutOff`` where more bytes may make it whole.
    static func read(_ bytes: ArraySlice<UInt8>, at offset: Int) throws(G3Error) -> G3Frame {
        var cursor = G3Cursor(bytes)
        let start = bytes.startIndex
        func moved(_ error: G3Error) -> G3Error {
            G3Error(offset: error.offset - start + offset, error.reason)
        }
        do throws(G3Error) {
            try cursor.byteOrder()
            let version: UInt32 = try cursor.integer()
            guard version == 1 else {
                throw cursor.malformed(at: start + 1, "version \(version) of frames, expected 1")
            }
            let count: UInt32 = try cursor.integer()
            guard count <= G3Limits.entries else {
                throw cursor.malformed(at: start + 5, "\(count) entries of a frame")
            }
            let code: UInt32 = try cursor.integer()
            var blobs: [Blob] = []
            for _ in 0..<count {
                let key = String(decoding: try Self.part(&cursor), as: UTF8.self)
                blobs.append(Blob(key: key, bytes: try Self.part(&cursor)))
            }
            let expected: UInt32 = try cursor.integer()
            let found = checksum(blobs)
            let range = offset..<(offset + cursor.offset - start)
            guard found == expected else {
                throw G3Error(offset: start, .checksum(found: found, expected: expected))
            }
            // Places inside of a value count from the beginning of the frame.
            let frame = Array(bytes[start..<cursor.offset])
            let moved = blobs.map { blob in
                let range = (blob.bytes.startIndex - start)..<(blob.bytes.endIndex - start)
                return Blob(key: blob.key, bytes: frame[range])
            }
            return G3Frame(type: letters(code), range: range, blobs: moved)
        } catch {
            throw moved(error)
        }
    }

    /// A length and so many bytes; the end of a window is no proof that the length lies.
    private static func part(_ cursor: inout G3Cursor) throws(G3Error) -> ArraySlice<UInt8> {
        let place = cursor.offset
        let count: UInt64 = try cursor.integer()
        guard count <= UInt64(G3Limits.frame) else {
            throw cursor.malformed(at: place, "a part of \(count) bytes")
        }
        return try cursor.take(Int(count))
    }

    /// The letters of a type code: the last one is the low byte.
    private static func letters(_ code: UInt32) -> String {
        let bytes = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: code >> UInt32($0)) }
        return String(decoding: bytes.drop { $0 == 0 }, as: UTF8.self)
    }
}
