import ArchiveFormat
import Telemetry

/// A file that is long enough for parts of its footer among its chunks, in memory.
///
/// Three hours of texts that nobody can compress much, with jumps that make a group of each: parts
/// stand within timelines, behind them, and within a reduced one.
struct PartsFile {
    static let feed = Feed(
        "notes",
        fields: [Field("text", .string), Field("number")],
        period: .seconds(60)
    )

    private(set) var bytes: [UInt8] = []
    private(set) var footer: SealedFooter

    init() throws {
        let start: Int64 = 1_795_237_800_000_000_000
        var head = SealedFooter(
            id: "a1b2c3d4e5f60718293a4b5c6d7e8f90",
            archive: "ffeeddccbbaa99887766554433221100",
            created: Timestamp(nanoseconds: start + 40_000_000_000_000),
            sources: ["0123-source"],
            receivedFrom: Timestamp(nanoseconds: start),
            receivedTo: Timestamp(nanoseconds: start + 36_000_000_000_000)
        )
        head.cursorsBefore = [cursor("dome", 3), cursor("wind", 9)]
        head.cursors = [cursor("dome", 90), cursor("rain", 40), cursor("wind", 9)]
        head.damage = ["entry 5 at byte 1234"]
        var written: [UInt8] = []
        var builder = try SealedFileBuilder(head) { written += $0 }
        var words = Words()
        for instance in ["dome", "rain"] {
            builder.begin(instance, feed: Self.feed, epochs: [5])
            for group in 0..<4 {
                let first = start + Int64(group) * 7_200_000_000_000
                try builder.addGroup(
                    times: (0..<20).map { first + $0 * 60_000_000_000 },
                    columns: [
                        Column(.strings((0..<20).map { _ in words.next(384) }), presence: nil),
                        Column(.doubles((0..<20).map { Double($0) / 8 }), presence: nil),
                    ],
                    delays: (1, 2)
                )
            }
        }
        let slow = Feed("slow", fields: (0..<20).map { Field("field_\($0)") })
        builder.beginReduced("rain", feed: slow, epochs: [5])
        for group in 0..<4 {
            let first = start + Int64(group) * 7_200_000_000_000
            try builder.addReducedGroup(
                times: (0..<240).map { first + $0 * 5_000_000_000 },
                columns: (0..<20).map { _ in
                    Column(.doubles((0..<240).map { _ in words.number() }), presence: nil)
                },
                delays: (1, 2)
            )
        }
        try [UInt8]("rubbish".utf8).withUnsafeBytes {
            try builder.add(
                unreadable: $0,
                instance: "dome",
                epoch: 5,
                position: 4,
                received: Timestamp(nanoseconds: start),
                reason: "malformed record"
            )
        }
        footer = try builder.finish()
        bytes = written
    }

    /// Texts and numbers without an order, the same ones each time.
    private struct Words {
        private var state: UInt64 = 88_172_645_463_325_252

        private mutating func step() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }

        mutating func next(_ count: Int) -> String {
            let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
            return String((0..<count).map { _ in letters[Int(step() % 64)] })
        }

        mutating func number() -> Double { Double(step() >> 11) }
    }
}

private func cursor(_ instance: String, _ position: Int64) -> Cursor {
    Cursor(instance: instance, epoch: 5, position: position, crc: 7, isFinished: false)
}
