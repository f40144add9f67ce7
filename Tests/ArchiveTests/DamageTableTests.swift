import ArchiveFormat
import CerroTesting
import Foundation
import Log
import Telemetry
import Testing

@testable import Archive

/// The table of ways to damage a sealed file, and the words that each must give.
@Suite("the good part and a named error with its place, whatever the damage")
struct DamageTableTests {
    /// A file of a few thousand rows in several groups, so that 1/64 of it lies within its chunks.
    private struct Sample {
        let bytes: [UInt8]
        let footer: SealedFooter
        let last: Int
        static let feed = Feed(
            "f",
            fields: [Field("x"), Field("n", .int), Field("b", .bool), Field("s", .string)]
        )

        init() throws {
            var written: [UInt8] = []
            var builder = try SealedFileBuilder(Self.head) { written += $0 }
            for timeline in 0..<3 {
                // A jump of two hours begins a new group.
                let times = (0..<900).map { row in
                    start.nanoseconds + Int64(row) * 1_000_000_000
                        + Int64(row / 300) * 7_200_000_000_000
                }
                try builder.add(
                    "alpha-\(timeline)",
                    feed: Self.feed,
                    epochs: [1],
                    times: times,
                    received: times,
                    columns: [
                        .doubles((0..<900).map { 1 / Double($0 + timeline + 3) }),
                        .ints((0..<900).map { Int64($0 &* $0 % 1009) }),
                        .bools((0..<900).map { $0 % 7 == 0 }),
                        .strings((0..<900).map { "state \($0 % 13)" }),
                    ]
                )
            }
            footer = try builder.finish()
            bytes = written
            last = try SealedLayout.footerRange(
                trailer: Array(written.suffix(SealedLayout.trailerLength)),
                fileLength: written.count
            ).lowerBound
        }

        static let head = SealedFooter(
            id: "f",
            archive: "a",
            created: start,
            sources: ["s"],
            receivedFrom: start,
            receivedTo: start
        )

        /// The file with another footer, as a faulty writer would give it: all checksums are right.
        func with(_ footer: SealedFooter) throws -> [UInt8] {
            // Where the first of the two footers begins.
            let chunks = 2 * last - bytes.count
            let end = try SealedLayout.end(footer: footer, offset: chunks)
            let again = try SealedLayout.end(footer: footer, offset: chunks + end.count)
            return Array(bytes[..<chunks]) + end + again
        }
    }

    private let disk = SimulatedDisk()
    private let path = "/archive/f.cerro"

    init() throws {
        try disk.createFolder("/archive")
        _ = try disk.open(path, .create)
    }

    private func open(_ bytes: [UInt8]) throws -> SealedFile {
        disk.set(bytes, of: path)
        return try SealedFile.open(path, disk: disk)
    }

    /// The values that can be read and are right, and what is said of the others.
    ///
    /// A value that is there and wrong is an issue.
    private func read(_ bytes: [UInt8], _ sample: Sample) throws -> (good: Int, words: [String]) {
        let file: SealedFile
        do {
            file = try open(bytes)
        } catch {
            return (0, ["\(error)"])
        }
        let whole = try open(sample.bytes)
        disk.set(bytes, of: path)
        var words = file.allFlaws().map(\.description)
        var good = 0
        for (timeline, expected) in zip(file.footer.timelines, whole.footer.timelines) {
            for (group, other) in zip(timeline.groups, expected.groups) {
                for (place, field) in timeline.feed.fields.enumerated() {
                    do {
                        let found = try file.column(
                            group.columns[place].chunk,
                            field.type,
                            rows: group.rows,
                            of: field.name
                        )
                        let right = try Self.column(
                            sample,
                            other.columns[place].chunk,
                            field,
                            other
                        )
                        if found.count == right.count {
                            #expect(found == right)
                            good += found.count
                        }
                    } catch {
                        words.append("\(error)")
                    }
                }
            }
        }
        return (good, words)
    }

    private static func column(
        _ sample: Sample,
        _ chunk: Chunk,
        _ field: Field,
        _ group: SealedGroup
    ) throws -> Column {
        try sample.bytes[chunk.offset..<(chunk.offset + chunk.byteCount)].withUnsafeBytes {
            try ChunkCodec.decode($0, chunk, field.type, rows: group.rows)
        }
    }

    private static let all = 3 * 900 * 4

    @Test("cut at every 1/64: nothing without a footer, all with one")
    func truncation() throws {
        let sample = try Sample()
        let first = 2 * sample.last - sample.bytes.count
        for part in 0..<64 {
            let end = sample.bytes.count * part / 64
            let (good, words) = try read(Array(sample.bytes[..<end]), sample)
            let hasFooter = end >= first + (sample.bytes.count - sample.last)
            #expect(good == (hasFooter ? Self.all : 0), "\(part)/64")
            #expect(words.count == 1 && words[0].contains("byte"), "\(part)/64: \(words)")
            #expect(words[0].hasPrefix("\(path): ") || hasFooter, "\(words)")
        }
        // A whole one is left where only the second one is cut.
        let (good, words) = try read(Array(sample.bytes.dropLast(7)), sample)
        #expect(good == Self.all)
        #expect(words.count == 1)
    }

    @Test("a flipped bit in the head, in each chunk and in each footer")
    func flips() throws {
        let sample = try Sample()
        let first = 2 * sample.last - sample.bytes.count
        var places: [(Int, lost: Int, String)] = [
            (first + 5, 0, "at byte \(first): the footer is damaged"),
            (sample.last + 5, 0, "at byte \(sample.last): the footer is damaged"),
            (sample.bytes.count - 1, 0, "no magic at byte \(sample.bytes.count - 8)"),
            (sample.bytes.count - 12, 0, "at byte \(sample.bytes.count - 12): version 3"),
        ]
        for byte in 0..<SealedLayout.headLength {
            places.append((byte, 0, "at byte \(byte): not what each file begins with"))
        }
        for timeline in sample.footer.timelines {
            for group in timeline.groups {
                for column in group.columns {
                    let chunk = column.chunk
                    let middle = chunk.offset + chunk.byteCount / 2
                    places.append((middle, 300, "chunk at byte \(chunk.offset) ("))
                }
            }
        }
        for (place, lost, expected) in places {
            var bytes = sample.bytes
            bytes[place] ^= 1
            let (good, words) = try read(bytes, sample)
            #expect(good == Self.all - lost, "byte \(place)")
            #expect(words.count == 1 && words[0].contains(expected), "byte \(place): \(words)")
        }
    }

    // Goal: as long as one footer is whole nothing is lost, and without any it is said why.
    @Test("a head, a last and a first footer that are damaged together")
    func ends() throws {
        let sample = try Sample()
        let first = 2 * sample.last - sample.bytes.count
        let end = sample.bytes.count
        let heads: [(UInt32, words: String)] = [
            (1, "at byte 8: not what each file begins with"),
            (
                3,
                "at byte 8: version 3 of the format, and this program reads 1 to 2: written by a "
                    + "newer Cerro: upgrade"
            ),
            (0, "at byte 8: version 0 of the format, and this program reads 1 to 2: no Cerro"),
        ]
        for (version, words) in heads {
            for footers in [[], [sample.last], [first], [first, sample.last]] {
                var bytes = sample.bytes
                bytes[8] = UInt8(version)
                for footer in footers { bytes[footer] ^= 1 }
                let (good, found) = try read(bytes, sample)
                let isLost = footers.count == 2
                #expect(good == (isLost ? 0 : Self.all), "\(version), \(footers)")
                #expect(found.count == (isLost ? 1 : 1 + footers.count), "\(found)")
                let expected =
                    !isLost
                    ? heads[0].words
                    : version == 1 ? "at byte \(sample.last): the footer is damaged" : words
                #expect(found[0].contains(expected), "\(found)")
            }
        }
        // What a newer version writes says so at each end.
        var newer = sample.bytes
        for place in [8, sample.last - 12, end - 12] { newer[place] = 3 }
        let (good, found) = try read(newer, sample)
        #expect(good == 0)
        #expect(found.count == 1 && found[0].hasPrefix("\(path): \(heads[1].words)"), "\(found)")
        // A disk that lost its first sector may give zeros.
        let zeros = try read(Array(repeating: 0, count: 16) + sample.bytes[16...], sample)
        #expect(zeros.good == Self.all && zeros.words.count == 1)
    }

    // Goal: a length that lies with a right checksum, as a faulty writer would give it.
    @Test("a trailer that lies about the footer's place and lengths", arguments: 0..<3)
    func lyingTrailer(part: Int) throws {
        let sample = try Sample()
        let lies: [UInt64] = [
            0, 1, 17, 1 << 20, 1 << 28, (1 << 28) + 1, 1 << 40, UInt64(Int64.max), .max,
        ]
        for lie in lies {
            var bytes = sample.bytes
            let trailer = bytes.count - SealedLayout.trailerLength
            for byte in 0..<8 {
                bytes[trailer + 8 * part + byte] = UInt8(truncatingIfNeeded: lie >> (8 * byte))
            }
            let crc = bytes.withUnsafeBytes {
                crc32c(UnsafeRawBufferPointer(rebasing: $0[sample.last..<(trailer + 24)]))
            }
            for byte in 0..<4 {
                bytes[trailer + 24 + byte] = UInt8(truncatingIfNeeded: crc >> (8 * UInt32(byte)))
            }
            let (good, words) = try read(bytes, sample)
            #expect(good == Self.all, "\(lie)")
            #expect(words.count == 1 && words[0].contains("byte"), "\(lie): \(words)")
            // Where both lie, the file is refused.
            let alone = Array(bytes[..<(2 * sample.last - bytes.count)] + bytes[sample.last...])
            let refused = try read(alone, sample)
            #expect(refused.good == 0)
            #expect(refused.words.count == 1 && refused.words[0].contains("the footer is"))
        }
    }

    @Test("a footer that lies about a chunk costs that chunk")
    func lyingChunk() throws {
        let sample = try Sample()
        let truth = sample.footer.timelines[1].groups[1].columns[0].chunk
        var lies: [Chunk] = []
        for number in [-1, 0, 1, 1 << 20, 1 << 32, 1 << 62, Int.max] {
            var chunk = truth
            chunk.offset = number
            lies.append(chunk)
            chunk = truth
            chunk.byteCount = number
            lies.append(chunk)
            chunk = truth
            chunk.plainByteCount = number
            lies.append(chunk)
        }
        for encoding in [-1, 0, 1, 2, 5, 1 << 40] as [Int64] {
            var chunk = truth
            chunk.encoding = encoding
            lies.append(chunk)
        }
        for lie in lies {
            var footer = sample.footer
            footer.timelines[1].groups[1].columns[0].chunk = lie
            let bytes = try sample.with(footer)
            let (good, words) = try read(bytes, sample)
            let isRefused = good == 0 && words.count == 1 && words[0].contains("the footer is")
            let isLost =
                good == Self.all - 300 && words.count == 1
                && words[0].contains("chunk at byte \(lie.offset) (x) is ")
            // The length of what zstd gives back means nothing where there is no zstd.
            let isHarmless = good == Self.all && words.isEmpty && lie.encoding == truth.encoding
            #expect(isRefused || isLost || isHarmless, "\(lie): \(good), \(words)")
        }
    }

    @Test("a footer that lies about rows costs that group, or is refused")
    func lyingRows() throws {
        let sample = try Sample()
        for rows in [-1, 0, 1, 299, 301, 65_536, 65_537, 1 << 40, Int.max] {
            var footer = sample.footer
            footer.timelines[1].groups[1].rows = rows
            let (good, words) = try read(try sample.with(footer), sample)
            let isRefused = good == 0 && words.count == 1 && words[0].contains("the footer is")
            let isLost =
                good == Self.all - 1200 && words.allSatisfy { $0.contains("chunk at byte") }
            #expect(isRefused || isLost, "\(rows): \(good), \(words)")
        }
    }
}
