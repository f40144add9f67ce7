internal import MessagePack
internal import Telemetry

/// The two ends of a sealed file, little-endian.
///
/// `[head 16][chunks …][part][trailer 40] … [chunks …][part][trailer 40][footer][trailer 40]`. A
/// part is a footer of what stands before it; the last footer says what all parts say. Files of
/// version 2 have one part, which is the footer again, and those of version 1 none.
///
/// Head: magic (8), version UInt32, 0 (4). Trailer: offset of the footer (UInt64), its length in
/// the file and once decompressed (UInt64 each), CRC-32C of the footer in the file and the 24
/// bytes before the checksum, version UInt32, closing magic (8).
public enum SealedLayout {
    /// The version that this code writes; it reads every one up to it.
    public static let version: UInt32 = 3
    /// The first eight bytes of a file.
    public static let magic: [UInt8] = [0x89, 0x43, 0x45, 0x52, 0x52, 0x4F, 0x0D, 0x0A]
    /// The last eight bytes of a file.
    public static let closingMagic: [UInt8] = magic.reversed()
    /// The lengths of both ends, in bytes.
    public static let headLength = 16, trailerLength = 40

    /// The head of a file.
    public static func head(version: UInt32 = version) -> [UInt8] {
        var bytes = magic
        append(version, to: &bytes)
        append(UInt32(0), to: &bytes)
        return bytes
    }

    /// Refuses what is no head of a file that this version reads.
    public static func check(head: [UInt8]) throws(SealedFileError) {
        guard head.count == headLength else { throw .tooShort(byteCount: head.count) }
        guard Array(head[..<8]) == magic else { throw .noMagic(offset: 0) }
        let version = self.version(head, at: 8)
        guard (1...Self.version).contains(version) else { throw .version(version, offset: 8) }
    }

    /// What is wrong with the head of a file whose trailer says `version`; nil if nothing is.
    public static func damage(head: [UInt8], version: UInt32) -> SealedFileError? {
        let expected = self.head(version: version)
        return expected.indices.first { !head.indices.contains($0) || head[$0] != expected[$0] }
            .map { .head(offset: $0) }
    }

    /// A footer and the trailer behind it, for a footer that begins at byte `offset`.
    public static func end(footer: SealedFooter, offset: Int) throws(SealedFileError) -> [UInt8] {
        try end(footer: footer, offset: offset, Zstandard.Compressor())
    }

    static func end(
        footer: SealedFooter,
        offset: Int,
        _ compressor: Zstandard.Compressor
    ) throws(SealedFileError) -> [UInt8] {
        let plain = footer.messagePack
        guard plain.count <= SealedLimits.plainBytesPerFooter else {
            throw .footer("\(plain.count) bytes are more than a footer may have")
        }
        guard var end = plain.withUnsafeBytes({ compressor.compress($0) }) else {
            throw .footer("zstd refuses it")
        }
        let count = end.count
        append(UInt64(offset), to: &end)
        append(UInt64(count), to: &end)
        append(UInt64(plain.count), to: &end)
        append(end.withUnsafeBytes { crc32c($0) }, to: &end)
        append(version, to: &end)
        end.append(contentsOf: closingMagic)
        return end
    }

    /// How long a footer is once decompressed, as its trailer says.
    public static func plainCount(trailer: [UInt8]) -> Int { integer(trailer, at: 16) }

    /// The version that a whole trailer says.
    public static func version(trailer: [UInt8]) -> UInt32 { version(trailer, at: 28) }

    /// Where trailers may end in the last bytes of a file, the last one first.
    public static func trailerEnds(in tail: [UInt8]) -> [Int] {
        let width = closingMagic.count
        guard tail.count >= width else { return [] }
        return (width...tail.count).reversed().filter { end in
            tail[end - 1] == closingMagic[width - 1]
                && tail[(end - width)..<end].elementsEqual(closingMagic)
        }
    }

    /// Where the footer is, from the last 40 bytes of a file of `fileLength` bytes.
    ///
    /// One that begins before byte `start` is none.
    public static func footerRange(
        trailer: [UInt8],
        from start: Int = headLength,
        fileLength: Int
    ) throws(SealedFileError) -> Range<Int> {
        guard trailer.count == trailerLength, fileLength >= headLength + trailerLength else {
            throw .tooShort(byteCount: fileLength)
        }
        guard Array(trailer[32...]) == closingMagic else {
            throw .noMagic(offset: fileLength - 8)
        }
        let version = self.version(trailer: trailer)
        guard (1...Self.version).contains(version) else {
            throw .version(version, offset: fileLength - 12)
        }
        let offset = integer(trailer, at: 0)
        let count = integer(trailer, at: 8)
        let end = fileLength - trailerLength
        guard offset >= start, offset <= end, count == end - offset else {
            throw .footer("it is said to be \(count) bytes at byte \(offset) of \(fileLength)")
        }
        return offset..<end
    }

    /// The footer in `bytes`, which are those of ``footerRange(trailer:from:fileLength:)``.
    public static func footer(
        _ bytes: [UInt8],
        trailer: [UInt8]
    ) throws(SealedFileError) -> SealedFooter {
        let crc = bytes.withUnsafeBytes { crc32c($0) }
        let whole = trailer.withUnsafeBytes { trailer in
            crc32c(UnsafeRawBufferPointer(rebasing: trailer[..<24]), continuing: crc)
        }
        let expected = trailer.withUnsafeBytes {
            UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 24, as: UInt32.self))
        }
        let offset = integer(trailer, at: 0)
        guard whole == expected else {
            throw .footerChecksum(found: whole, expected: expected, offset: offset)
        }
        let plainCount = integer(trailer, at: 16)
        guard (0...SealedLimits.plainBytesPerFooter).contains(plainCount),
            let plain = bytes.withUnsafeBytes({ Zstandard.decompress($0, count: plainCount) })
        else { throw .footer("zstd finds no \(plainCount) bytes in it, at byte \(offset)") }
        let value: Value
        do {
            value = try Value(
                messagePack: plain,
                limits: .init(depth: 16, items: SealedLimits.footerItems)
            )
        } catch {
            throw .footer("\(error), in the footer at byte \(offset)")
        }
        // The checksum does not cover the version of the trailer; the footer says it as well.
        let version = self.version(trailer: trailer)
        guard value["version"]?.int == Int64(version) else {
            throw .footer("its trailer says version \(version), it another, at byte \(offset)")
        }
        do throws(SealedFileError) {
            return try SealedFooter(value)
        } catch {
            guard case .footer(let what) = error else { throw error }
            throw .footer("\(what), in the footer at byte \(offset)")
        }
    }

    private static func version(_ bytes: [UInt8], at offset: Int) -> UInt32 {
        bytes.withUnsafeBytes {
            UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
    }

    private static func integer(_ bytes: [UInt8], at offset: Int) -> Int {
        let word = bytes.withUnsafeBytes {
            UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        return Int(clamping: word)
    }

    private static func append(_ value: some FixedWidthInteger, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
}

/// Why a file is no sealed file that can be read.
public enum SealedFileError: Error, Hashable, Sendable, CustomStringConvertible {
    case tooShort(byteCount: Int)
    case noMagic(offset: Int)
    case version(UInt32, offset: Int)
    /// The head is not that of its version; what a footer says is not concerned.
    case head(offset: Int)
    case footerChecksum(found: UInt32, expected: UInt32, offset: Int)
    case footer(String)
    /// Those that were looked at lie about what they are: to look at all would take without end.
    case costlyFooters(count: Int, in: Range<Int>)
    /// What described the bytes is gone, and with it the samples in them.
    case lost(Range<Int>)
    case timelineShape(String)

    /// What was found, what was expected, and what to do.
    public var description: String {
        switch self {
        case .tooShort(let count):
            "\(count) bytes are too few for a sealed file: it was cut off; "
                + "take it from a copy of the archive"
        case .noMagic(let offset):
            "no magic at byte \(offset): this is no sealed file, or one that was cut off; "
                + "take it from a copy of the archive"
        case .version(let version, let offset):
            "at byte \(offset): version \(version) of the format, and this program reads 1 to "
                + "\(SealedLayout.version): "
                + (version > SealedLayout.version
                    ? "written by a newer Cerro: upgrade" : "no Cerro writes that; damaged")
        case .head(let offset): "at byte \(offset): not what each file begins with"
        case .footerChecksum(let found, let expected, let offset):
            "at byte \(offset): the footer is damaged: checksum \(hexadecimal(found)), "
                + "expected \(hexadecimal(expected)); take the file from a copy of the archive"
        case .footer(let what): "the footer is none: \(what)"
        case .costlyFooters(let count, let bytes):
            "\(count) footers from byte \(bytes.lowerBound) to \(bytes.upperBound) are said to "
                + "have more bytes than the file, or than \(SealedLimits.plainBytesPerFooter) once "
                + "decompressed, and no more are looked at: no Cerro writes that; take the file "
                + "from a copy of the archive"
        case .lost(let bytes):
            "from byte \(bytes.lowerBound) to \(bytes.upperBound): what describes it was cut off "
                + "or is damaged, and the samples there are lost with it"
        case .timelineShape(let what): "a timeline cannot be written: \(what)"
        }
    }

    /// What to say of a file that can be read all the same.
    public var asWarning: String {
        switch self {
        case .head:
            "its head is damaged (\(self)); its footer tells all: `cerro archive repair` writes it "
                + "anew"
        case .lost:
            "\(self); the rest is read: take the file from a copy of the archive, or run `cerro "
                + "archive repair`, which keeps the rest"
        default:
            "one of its footers is damaged (\(self)); the others tell all: `cerro archive repair` "
                + "writes it anew"
        }
    }
}
