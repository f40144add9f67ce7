import ArchiveFormat
import Telemetry

/// A file as retention leaves it, in memory: rows that stay, and what others amounted to.
///
/// Of 7,500 rows at 1 Hz, 300 in the middle stay; a second timeline is slow, so that it has no
/// roll-up by minute.
struct ReducedFile {
    static let feed = Feed(
        "temperatures",
        fields: [
            Field("stage", unit: .kelvin), Field("count", .int), Field("is_on", .bool),
            Field("state", .string), Field("sparse"), Field("never"), Field("never_counted", .int),
        ],
        period: .seconds(1)
    )

    private(set) var bytes: [UInt8] = []

    init() throws {
        let start: Int64 = 1_795_237_800_000_000_000
        var footer = SealedFooter(
            id: "1021324354657687a0b1c2d3e4f50617",
            archive: "ffeeddccbbaa99887766554433221100",
            created: Timestamp(nanoseconds: start + 7_600_000_000_000),
            sources: ["0123-source", "4567-source"],
            receivedFrom: Timestamp(nanoseconds: start),
            receivedTo: Timestamp(nanoseconds: start + 7_500_000_000_000)
        )
        footer.ledger = [
            LedgerEntry(
                kind: .retention,
                instance: "cryo-1",
                feed: "temperatures",
                from: Timestamp(nanoseconds: start),
                to: Timestamp(nanoseconds: start + 7_500_000_000_000),
                count: 7_200,
                cause: "retention: samples; their roll-ups are kept"
            )
        ]
        var written: [UInt8] = []
        var builder = try SealedFileBuilder(footer) { written += $0 }
        let times = (0..<7_500).map { start + $0 * 1_000_000_000 }
        let delays: (shortest: Int64, longest: Int64) = (200_000_000, 900_000_000)
        builder.begin("cryo-1", feed: Self.feed, epochs: [5])
        try builder.addGroup(
            times: Array(times[3_000..<3_300]),
            columns: Self.columns(3_000..<3_300),
            delays: delays
        )
        builder.beginReduced("cryo-1", feed: Self.feed, epochs: [5, 6])
        for rows in [0..<3_000, 3_300..<7_500] {
            try builder.addReducedGroup(
                times: Array(times[rows]),
                columns: Self.columns(rows),
                delays: delays
            )
        }
        builder.beginReduced("gauge", feed: Feed("pressure", fields: [Field("p")]), epochs: [7])
        try builder.addReducedGroup(
            times: (0..<30).map { start + $0 * 120_000_000_000 },
            columns: [Column(.doubles((0..<30).map { 1e-7 * Double(30 - $0) }), presence: nil)],
            delays: (-5, 5)
        )
        _ = try builder.finish()
        bytes = written
    }

    /// Values of all types with what is no number, and what is missing, among them.
    private static func columns(_ rows: Range<Int>) -> [Column] {
        let words = rows.map { ($0 &* 2_654_435_761) & 0xFFFF }
        let stage = words.map { $0 % 97 == 0 ? Double.nan : 4.2 + Double($0 % 1_000) / 1_000 }
        let sparse = words.map { $0 % 89 == 0 ? -Double.infinity : Double($0) / 3 }
        return [
            Column(.doubles(stage), presence: nil),
            Column(.ints(rows.map { Int64($0) - 4_000 }), presence: nil),
            Column(.bools(words.map { $0 % 3 == 0 }), presence: nil),
            Column(.strings(words.map { "no. \($0 % 7) Å" }), presence: nil),
            Column(.doubles(sparse), presence: words.map { $0 % 5 > 0 }),
            Column(.doubles(sparse), presence: words.map { _ in false }),
            Column(.ints(words.map(Int64.init)), presence: words.map { _ in false }),
        ]
    }
}
