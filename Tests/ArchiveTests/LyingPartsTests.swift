import ArchiveFormat
import Log
import Synchronization
import Telemetry
import Testing

@testable import Archive

/// Bytes in memory as a file, which counts what is read of them.
private final class CountedBytes: SegmentFile {
    let path = "/archive/f.cerro"
    private let bytes: [UInt8]
    let read = Atomic(0)

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    func size() throws(DiskError) -> Int { bytes.count }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(DiskError) -> Int {
        let count = min(buffer.count, bytes.count - offset)
        buffer.copyBytes(from: bytes[offset..<(offset + count)])
        read.add(count, ordering: .relaxed)
        return count
    }

    func append(_ pieces: [UnsafeRawBufferPointer]) throws(DiskError) -> Int { throw refusal }
    func overwrite(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DiskError) {
        throw refusal
    }
    func sync() throws(DiskError) { throw refusal }

    private var refusal: DiskError { .missing(path: path) }
}

@Suite("what a sealed file says of its parts costs no more than the file is long")
struct LyingPartsTests {
    private static func footer(_ id: String, part: Bool, _ parts: [Int] = []) -> SealedFooter {
        var footer = SealedFooter(
            id: id,
            archive: "a",
            created: start,
            sources: [],
            receivedFrom: start,
            receivedTo: start
        )
        if part {
            footer.part = SealedPart(
                continuesTimeline: false,
                continuesReduced: false,
                isLast: true
            )
        }
        footer.parts = parts
        return footer
    }

    /// A file of 400 trailers, of which each claims all that is before it; and where they end.
    private static func nested() -> (bytes: [UInt8], ends: [Int]) {
        var bytes = SealedLayout.head() + Array(repeating: 7, count: 64 << 10)
        var ends: [Int] = []
        for _ in 0..<400 {
            let footer = bytes[SealedLayout.headLength...]
            for number in [SealedLayout.headLength, footer.count, 1] {
                withUnsafeBytes(of: UInt64(number).littleEndian) { bytes += $0 }
            }
            for number in [UInt32(0), SealedLayout.version] {
                withUnsafeBytes(of: number.littleEndian) { bytes += $0 }
            }
            bytes += SealedLayout.closingMagic
            ends.append(bytes.count)
        }
        return (bytes, ends)
    }

    /// A file of eight footers, one behind the other; where they end, and the longest one's length
    /// once decompressed.
    private static func row(
        _ footer: SealedFooter
    ) throws -> (bytes: [UInt8], ends: [Int], plain: Int) {
        var bytes = SealedLayout.head()
        var ends: [Int] = []
        for _ in 0..<8 {
            bytes += try SealedLayout.end(footer: footer, offset: bytes.count)
            ends.append(bytes.count)
        }
        return (bytes, ends, SealedLayout.plainCount(trailer: Array(bytes.suffix(40))))
    }

    // Goal: nobody stops a reader with a short file, whose checksums are all right.
    @Test("many trailers that claim the same bytes do not have them read again and again")
    func claimed() throws {
        let (bytes, ends) = Self.nested()
        let last = Self.footer("f", part: true, ends)
        let file = try CountedBytes(bytes + SealedLayout.end(footer: last, offset: bytes.count))
        let end = try SealedEnd.read(file, size: file.size())
        #expect(end.lost.count == ends.count)
        #expect(try file.read.load(ordering: .relaxed) < 4 * file.size())
    }

    // Goal: the same where the last footer has to be searched for.
    @Test("nor does the search for the last whole footer, which ends with an error that says so")
    func searched() throws {
        let file = CountedBytes(Self.nested().bytes)
        let size = try file.size()
        let error = #expect(throws: SealedFileError.self) { try SealedEnd.read(file, size: size) }
        #expect(error == .costlyFooters(count: 2, in: (size - 40)..<size))
        #expect(
            error?.description.contains("2 footers from byte \(size - 40) to \(size) are said")
                == true
        )
        #expect(file.read.load(ordering: .relaxed) < 4 * size)
    }

    // Goal: a thousand footers, each of some bytes that become gigabytes, are not all unpacked.
    // Method: the version in a trailer is none that the footer says, which shows only afterwards.
    @Test("footers that the search has to unpack to find out that they are none are counted")
    func unpacked() throws {
        var (bytes, ends, plain) = try Self.row(Self.footer("f", part: false))
        for end in ends { bytes[end - 12] = 1 }
        let file = CountedBytes(bytes)
        let error = #expect(throws: SealedFileError.self) {
            try SealedEnd.read(file, size: file.size(), plain: 3 * plain)
        }
        #expect(error == .costlyFooters(count: 4, in: ends[4]..<ends[7]))
        // One that is whole is found before that.
        bytes[ends[4] - 12] = UInt8(SealedLayout.version)
        let mended = CountedBytes(bytes)
        let end = try SealedEnd.read(mended, size: mended.size(), plain: 3 * plain)
        #expect(end.footer.id == "f" && end.flaws.count == 1)
    }

    // Goal: parts that are those of another file are unpacked to find that out.
    @Test("parts of another file are counted as well, in a file that is cut and in a whole one")
    func foreign() throws {
        let (bytes, ends, plain) = try Self.row(Self.footer("other", part: true))
        let last = Self.footer("f", part: true, ends)
        let cut = try CountedBytes(bytes + SealedLayout.end(footer: last, offset: bytes.count))
        let all = try SealedEnd.read(cut, size: cut.size())
        #expect(all.lost.count == 8)
        let length = last.messagePack.count
        let error = #expect(throws: SealedFileError.self) {
            try SealedEnd.read(cut, size: cut.size(), plain: length + 3 * plain)
        }
        #expect(error == .costlyFooters(count: 4, in: SealedLayout.headLength..<ends[3]))

        let footer = Self.footer("f", part: false, ends)
        let whole = try CountedBytes(bytes + SealedLayout.end(footer: footer, offset: bytes.count))
        let size = try whole.size()
        let end = try SealedEnd.read(whole, size: size)
        #expect(end.flaws == [])
        #expect(end.flawsOfParts(in: whole, size: size).count == 8)
        let flaws = end.flawsOfParts(in: whole, size: size, plain: 3 * plain)
        #expect(
            flaws.last == .costlyFooters(count: 4, in: SealedLayout.headLength..<ends[3])
        )
        #expect(flaws.count == 5)
    }
}
