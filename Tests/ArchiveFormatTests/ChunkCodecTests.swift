import ArchiveFormat
import CerroTesting
import Telemetry
import Testing

@Suite("a column comes back from its chunk, bit by bit")
struct ChunkCodecTests {
    static let columns: [Column] =
        [
            .doubles([
                0, -0.0, .infinity, -.infinity, .nan, .signalingNaN,
                Double(nan: 77, signaling: false),
                Double.leastNonzeroMagnitude, .greatestFiniteMagnitude, 4.2,
            ]),
            .doubles([1, nil, 3, nil] as [Double?]),
            .ints([0, -1, .min, .max, .min, 42]),
            .ints([nil, 7, nil] as [Int64?]),
            .ints((0..<1000).map { Int64($0) * 1_000_000_000 + 1_795_237_800_000_000_000 }),
            .bools([true, false, true, true, false, false, true, true, false]),
            .bools([nil, true] as [Bool?]),
            .strings(["", "Ångström", "\0", "🔭", ""]),
            .strings([nil, "", "x"] as [String?]),
            .strings(Array(repeating: "open", count: 500)),
        ] + computed

    /// Decimals with exceptions, -0 among them; born as Float32; of full length; few that come
    /// again; and so on.
    static var computed: [Column] {
        let decimals = (0..<777).map { row -> Double in
            row % 50 == 7 ? Double.nan : Double(row * 37 % 991) / 1000
        }
        let zeros = (0..<400).map { row -> Double in
            row % 90 == 8 ? -0.0 : Double(row * 37 % 991) / 1000
        }
        let singles = (0..<500).map { row -> Double in Double(Float(row) * 0.1) }
        let fractions = (1..<700).map { row -> Double in 1 / Double(row) }
        let few = (0..<600).map { row -> Double in 1 / Double(3 + row % 3) }
        let holes = (0..<200).map { row -> Double? in row % 3 == 0 ? nil : Double(row) / 100 }
        let ends = (0..<1000).map { row -> Int64 in row % 2 == 0 ? .min : .max }
        let noise = (0..<400).map { row -> Int64 in Int64(row) &* 0x5851_F42D_4C95_7F2D }
        let multiples = (0..<400).map { row -> Int64 in Int64(row * row) * 1000 + 7 }
        let flags = (0..<1000).map { row -> Bool in row % 311 == 0 }
        let texts = (0..<300).map { row -> String in "\(row * row)" }
        return [
            .doubles(decimals), .doubles(zeros), .doubles(singles), .doubles(fractions),
            .doubles(few),
            .doubles(holes), .ints(ends), .ints(noise), .ints(multiples), .bools(flags),
            .strings(texts),
        ]
    }

    @Test("integers of every width and every slope", arguments: 0..<65)
    func widths(width: Int) throws {
        var state: UInt64 = 88_172_645_463_325_252 &+ UInt64(width)
        func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        let mask = width == 64 ? UInt64.max : (1 << UInt64(width)) - 1
        for count in [1, 2, 127, 128, 129, 300] {
            for rise: Int64 in [0, 1, -1000, 1 << 40] {
                let values = (0..<count).map { row in
                    Int64(bitPattern: next() & mask) &+ rise &* Int64(row)
                }
                try roundTrip(column: .ints(values))
            }
        }
    }

    @Test("whole and in pieces", arguments: columns)
    func roundTrip(column: Column) throws {
        for rows in [0..<column.count, 1..<column.count, 0..<1, 1..<1] {
            let encoded = ChunkCodec.encode(column, rows: rows)
            let chunk = Chunk(
                offset: 0,
                byteCount: encoded.bytes.count,
                plainByteCount: encoded.plainByteCount,
                checksum: encoded.bytes.withUnsafeBytes { crc32c($0) },
                encoding: encoded.encoding.rawValue
            )
            let decoded = try encoded.bytes.withUnsafeBytes {
                try ChunkCodec.decode($0, chunk, column.type, rows: rows.count)
            }
            #expect(decoded.count == rows.count)
            #expect(bits(decoded, 0..<rows.count) == bits(column, rows))
            #expect(
                rows.allSatisfy { decoded.isPresent($0 - rows.lowerBound) == column.isPresent($0) }
            )
        }
    }

    @Test("times that tick take a fraction of a byte each")
    func smallTimes() throws {
        let encoded = ChunkCodec.encode(Self.columns[4], rows: 0..<1000)
        #expect(encoded.bytes.count < 60)
    }

    @Test(
        "doubles with all their bits are packed, but for few that come again and again",
        arguments: [(1000, ChunkEncoding.packed), (40, ChunkEncoding.zstd)]
    )
    func fullDoubles(different: Int, encoding: ChunkEncoding) {
        var random = SeededGenerator(seed: 7)
        let values = (0..<different).map { _ in Double.random(in: 1..<2, using: &random) }
        // All of them in turn where they differ, and any of them where they come again.
        let rows = (0..<1000).map { row in
            different > row ? row : Int.random(in: 0..<different, using: &random)
        }
        let column = Column.doubles(rows.map { values[$0] })
        #expect(ChunkCodec.encode(column, rows: 0..<1000).encoding == encoding)
    }

    @Test("any damaged byte is noticed, and no damage is fatal")
    func damage() throws {
        for column in Self.columns {
            let encoded = ChunkCodec.encode(column, rows: 0..<column.count)
            for place in encoded.bytes.indices {
                var bytes = encoded.bytes
                bytes[place] ^= 0x10
                // Also with a checksum that fits, as a faulty writer would give.
                for isKnown in [false, true] {
                    let sum = (isKnown ? bytes : encoded.bytes).withUnsafeBytes { crc32c($0) }
                    let chunk = Chunk(
                        offset: 0,
                        byteCount: bytes.count,
                        plainByteCount: encoded.plainByteCount,
                        checksum: sum,
                        encoding: encoded.encoding.rawValue
                    )
                    let decoded = try? bytes.withUnsafeBytes {
                        try ChunkCodec.decode($0, chunk, column.type, rows: column.count)
                    }
                    #expect(decoded == nil || isKnown)
                    #expect((decoded?.count ?? column.count) == column.count)
                }
            }
        }
    }

    /// The values as bits, so that NaN equals NaN; missing ones as nil.
    private func bits(_ column: Column, _ rows: Range<Int>) -> [String?] {
        rows.map { row in
            guard column.isPresent(row) else { return nil }
            return switch column.values {
            case .doubles(let values): "\(values[row].bitPattern)"
            case .ints(let values): "\(values[row])"
            case .bools(let values): "\(values[row])"
            case .strings(let values): values[row]
            }
        }
    }
}
