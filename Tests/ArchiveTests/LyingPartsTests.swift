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
    // Goal: nobody stops a reader with a short file, whose checksums are all right.
    @Test("many trailers that claim the same bytes do not have them read again and again")
    func nested() throws {
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
        var last = SealedFooter(
            id: "f",
            archive: "a",
            created: start,
            sources: [],
            receivedFrom: start,
            receivedTo: start
        )
        last.part = SealedPart(continuesTimeline: false, continuesReduced: false, isLast: true)
        last.parts = ends
        let file = try CountedBytes(bytes + SealedLayout.end(footer: last, offset: bytes.count))
        let end = try SealedEnd.read(file, size: file.size())
        #expect(end.lost.count == ends.count)
        #expect(try file.read.load(ordering: .relaxed) < 4 * file.size())
    }
}
