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
    /// A file of some timelines of three groups each.
    private struct Sample {
        let bytes: [UInt8]
        let footer: SealedFooter
        /// Where the last footer begins, and where the last part does, which is before it.
        let last: Int, lastPart: Int
        static let feed = Feed(
            "f",
            fields: [Field("x"), Field("n", .int), Field("b", .bool), Field("s", .string)]
        )

        /// A short one has one timeline of two groups, and so just the last part of the footer.
        init(isShort: Bool = false) throws {
            let rows = isShort ? 600 : 900
            var written: [UInt8] = []
            var builder = try SealedFileBuilder(Self.head) { written += $0 }
            for timeline in 0..<(isShort ? 1 : 6) {
                // A jump of two hours begins a new group.
                let times = (0..<rows).map { row in
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
                        .doubles((0..<rows).map { 1 / Double($0 + timeline + 3) }),
                        .ints((0..<rows).map { Int64($0 &* $0 % 1009) }),
                        .bools((0..<rows).map { $0 % 7 == 0 }),
                        .strings((0..<rows).map { "state \($0 % 13)" }),
                    ]
                )
            }
            footer = try builder.finish()
            bytes = written
            last = try Self.footer(before: written.count, in: written)
            lastPart = try Self.footer(before: last, in: written)
        }

        /// Where the footer begins whose trailer ends at byte `end`.
        static func footer(before end: Int, in bytes: [UInt8]) throws -> Int {
            try SealedLayout.footerRange(
                trailer: Array(bytes[(end - SealedLayout.trailerLength)..<end]),
                fileLength: end
            ).lowerBound
        }

        /// How many values there are.
        var all: Int { footer.timelines.reduce(0) { $0 + $1.rows } * 4 }

        /// How many values the parts describe whose trailers end at `end` or before.
        func described(by end: Int) -> Int {
            guard let known = footer.parts.last(where: { $0 <= end }) else { return 0 }
            let groups = footer.timelines.flatMap(\.groups).filter { group in
                group.columns.allSatisfy { $0.chunk.offset < known }
            }
            return groups.count * 300 * 4
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
            var footer = footer
            footer.parts = []
            return try Array(bytes[..<lastPart])
                + SealedLayout.end(footer: footer, offset: lastPart)
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
        for timeline in file.footer.timelines {
            let expected = whole.footer.timelines.first { $0.instance == timeline.instance }
            for group in timeline.groups {
                let other = try #require(
                    expected?.groups.first { $0.times.offset == group.times.offset }
                )
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

    @Test("cut at every 1/64 and around each footer: what stood behind the last whole one is lost")
    func truncation() throws {
        let sample = try Sample()
        #expect(sample.footer.parts.count > 3)
        let cuts = (0..<64).map { sample.bytes.count * $0 / 64 }
        let near = sample.footer.parts.flatMap { [$0 - 1, $0, $0 + 1] }
        for end in cuts + near + [sample.bytes.count - 7] {
            let (good, words) = try read(Array(sample.bytes[..<end]), sample)
            #expect(good == sample.described(by: end), "\(end)")
            #expect(words.count == 1 && words[0].contains("byte"), "\(end): \(words)")
            let known = sample.footer.parts.last { $0 <= end }
            if let known, known < sample.last {
                #expect(words[0].hasPrefix("from byte \(known) to \(end): what describes it"))
            } else {
                #expect(words[0].hasPrefix("\(path): ") == (known == nil), "\(words)")
            }
        }
    }

    @Test("without the last footer each part that is damaged costs what it described")
    func parts() throws {
        let sample = try Sample()
        let ends = sample.footer.parts
        for (number, end) in ends.enumerated() {
            var bytes = sample.bytes
            bytes[sample.last + 5] ^= 1
            bytes[end - SealedLayout.trailerLength - 5] ^= 1
            let start = number > 0 ? ends[number - 1] : SealedLayout.headLength
            let (good, words) = try read(bytes, sample)
            let lost = sample.described(by: end) - sample.described(by: start)
            #expect(good == sample.all - lost, "part \(number)")
            // Behind the last part that is whole nobody knows where the lost one ends.
            let to = end == sample.last ? bytes.count : end
            #expect(
                words.count == 1 && words[0].hasPrefix("from byte \(start) to \(to): "),
                "\(words)"
            )
        }
    }

    @Test("parts that lie about those before them are not joined", arguments: 0..<5)
    func lyingParts(way: Int) throws {
        let sample = try Sample()
        let ends = sample.footer.parts
        let first = Array(sample.bytes[..<ends[0]])
        let trailer = Array(first.suffix(SealedLayout.trailerLength))
        let place = try SealedLayout.footerRange(trailer: trailer, fileLength: first.count)
        var part = try SealedLayout.footer(Array(first[place]), trailer: trailer)
        let lies = [[first.count, first.count], [first.count, 20], [Int.max], [-1], [0]]
        part.parts = lies[way]
        let lying = try first + SealedLayout.end(footer: part, offset: first.count)
        let (good, words) = try read(lying, sample)
        #expect(good == 0)
        #expect(words.count == 1 && words[0].contains("cut off"), "\(words)")
    }

    @Test("a flipped bit in the head, in each chunk and in each footer")
    func flips() throws {
        let sample = try Sample()
        let first = sample.lastPart
        var places: [(Int, lost: Int, String)] = [
            (first + 5, 0, "at byte \(first): the footer is damaged"),
            (sample.last + 5, 0, "at byte \(sample.last): the footer is damaged"),
            (sample.bytes.count - 1, 0, "no magic at byte \(sample.bytes.count - 8)"),
            (sample.bytes.count - 12, 0, "its trailer says version 2"),
        ]
        for end in sample.footer.parts {
            let part = try Sample.footer(before: end, in: sample.bytes)
            places.append((part + 5, 0, "at byte \(part): the footer is damaged"))
        }
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
            #expect(good == sample.all - lost, "byte \(place)")
            #expect(words.count == 1 && words[0].contains(expected), "byte \(place): \(words)")
        }
    }

    // Goal: as long as one footer is whole nothing is lost, and without any it is said why.
    @Test("a head, a last and a first footer that are damaged together")
    func ends() throws {
        let sample = try Sample(isShort: true)
        let first = sample.lastPart
        let heads: [(UInt32, words: String)] = [
            (1, "at byte 8: not what each file begins with"),
            (
                4,
                "at byte 8: version 4 of the format, and this program reads 1 to 3: written by a "
                    + "newer Cerro: upgrade"
            ),
            (0, "at byte 8: version 0 of the format, and this program reads 1 to 3: no Cerro"),
        ]
        for (version, words) in heads {
            for footers in [[], [sample.last], [first], [first, sample.last]] {
                var bytes = sample.bytes
                bytes[8] = UInt8(version)
                for footer in footers { bytes[footer] ^= 1 }
                let (good, found) = try read(bytes, sample)
                let isLost = footers.count == 2
                #expect(good == (isLost ? 0 : sample.all), "\(version), \(footers)")
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
        for place in [8, sample.last - 12, newer.count - 12] { newer[place] = 4 }
        let (good, found) = try read(newer, sample)
        #expect(good == 0)
        #expect(found.count == 1 && found[0].hasPrefix("\(path): \(heads[1].words)"), "\(found)")
        // A disk that lost its first sector may give zeros.
        let zeros = try read(Array(repeating: 0, count: 16) + sample.bytes[16...], sample)
        #expect(zeros.good == sample.all && zeros.words.count == 1)
    }

    // Goal: a length that lies with a right checksum, as a faulty writer would give it.
    @Test("a trailer that lies about the footer's place and lengths", arguments: 0..<3)
    func lyingTrailer(part: Int) throws {
        let sample = try Sample(isShort: true)
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
            #expect(good == sample.all, "\(lie)")
            #expect(words.count == 1 && words[0].contains("byte"), "\(lie): \(words)")
            // Where both lie, the file is refused.
            let alone = Array(bytes[..<sample.lastPart] + bytes[sample.last...])
            let refused = try read(alone, sample)
            #expect(refused.good == 0)
            #expect(refused.words.count == 1 && refused.words[0].contains("the footer is"))
        }
    }

    @Test("a footer that lies about a chunk costs that chunk")
    func lyingChunk() throws {
        let sample = try Sample(isShort: true)
        let truth = sample.footer.timelines[0].groups[1].columns[0].chunk
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
            footer.timelines[0].groups[1].columns[0].chunk = lie
            let bytes = try sample.with(footer)
            let (good, words) = try read(bytes, sample)
            let isRefused = good == 0 && words.count == 1 && words[0].contains("the footer is")
            let isLost =
                good == sample.all - 300 && words.count == 1
                && words[0].contains("chunk at byte \(lie.offset) (x) is ")
            // The length of what zstd gives back means nothing where there is no zstd.
            let isHarmless = good == sample.all && words.isEmpty && lie.encoding == truth.encoding
            #expect(isRefused || isLost || isHarmless, "\(lie): \(good), \(words)")
        }
    }

    @Test("a footer that lies about rows costs that group, or is refused")
    func lyingRows() throws {
        let sample = try Sample(isShort: true)
        for rows in [-1, 0, 1, 299, 301, 65_536, 65_537, 1 << 40, Int.max] {
            var footer = sample.footer
            footer.timelines[0].groups[1].rows = rows
            let (good, words) = try read(try sample.with(footer), sample)
            let isRefused = good == 0 && words.count == 1 && words[0].contains("the footer is")
            let isLost =
                good == sample.all - 1200 && words.allSatisfy { $0.contains("chunk at byte") }
            #expect(isRefused || isLost, "\(rows): \(good), \(words)")
        }
    }
}
