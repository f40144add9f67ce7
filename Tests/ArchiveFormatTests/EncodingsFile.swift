import ArchiveFormat
import Telemetry

/// A file with every encoding of a column, in memory: a timeline for each column.
struct EncodingsFile {
    private(set) var bytes: [UInt8] = []

    /// A file of `columns`, which says that there are rows of `instances` in it.
    init(_ columns: [Column], instances: [String] = []) throws {
        let start: Int64 = 1_795_237_800_000_000_000
        var footer = SealedFooter(
            id: "102132435465768798a9bacbdcedfe0f",
            archive: "ffeeddccbbaa99887766554433221100",
            created: Timestamp(nanoseconds: start + 3_600_000_000_000),
            sources: ["0123-source", "4567-source"],
            receivedFrom: Timestamp(nanoseconds: start),
            receivedTo: Timestamp(nanoseconds: start + 60_000_000_000)
        )
        footer.cursorsBefore = [Cursor(instance: "cryo-1", epoch: 5, position: 2, crc: 7)]
        footer.cursors = [
            Cursor(instance: "cryo-1", epoch: 5, position: 9, crc: .max, isFinished: true)
        ]
        footer.instances = instances
        var written: [UInt8] = []
        var builder = try SealedFileBuilder(footer) { written += $0 }
        for (number, column) in columns.enumerated() {
            let field = Field(
                "value",
                column.type,
                unit: number % 2 == 0 ? "µK" : nil,
                description: "Column \(number)",
                limits: number % 3 == 0 ? -1.5...300 : nil
            )
            // At 10 Hz with a jitter; later ones skip two hours on the way.
            let times = (0..<column.count).map { row -> Int64 in
                let jump: Int64 = number > 12 && row >= 150 ? 7_200_000_000_000 : 0
                return start + Int64(row) * 100_000_000 + Int64(row * 7919 % 1000) * 1000 + jump
            }
            try builder.add(
                "cryo-1",
                feed: Feed("column_\(number)", fields: [field], description: "№ \(number)"),
                epochs: [5, 6],
                times: times,
                received: times.map { $0 + 250_000_000 },
                columns: [column]
            )
        }
        _ = try builder.finish()
        bytes = written
    }

    /// Columns of random types, lengths and values, of which some are missing.
    static func random(_ generator: inout some RandomNumberGenerator) -> [Column] {
        (0..<24).map { _ in
            let rows = Int.random(in: 1...700, using: &generator)
            // All there, most there, or none.
            let missing = [0, 1, 9].randomElement(using: &generator) ?? 0
            let presence: [Bool]? =
                missing == 0
                ? nil : (0..<rows).map { _ in Int.random(in: 0..<9, using: &generator) >= missing }
            let bits = UInt64.random(in: 0...64, using: &generator)
            let mask = bits == 64 ? UInt64.max : (1 << bits) - 1
            let words = (0..<rows).map { _ in UInt64.random(in: 0...mask, using: &generator) }
            let values: Column.Values
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: values = .ints(words.map(Int64.init(bitPattern:)))
            case 1: values = .doubles(words.map(Double.init(bitPattern:)))
            case 2: values = .doubles(words.map { Double(Int64(truncatingIfNeeded: $0)) / 1000 })
            case 3: values = .doubles(words.map { Double($0 % 4096) / 256 })
            case 4: values = .bools(words.map { $0 % 5 == 0 })
            default: values = .strings(words.map { "no. \($0 % 50) Å" })
            }
            return Column(values, presence: presence)
        }
    }
}
