import ArchiveFormat
import Foundation
import Telemetry

/// All that a sealed file holds as lines of text, bit by bit.
///
/// `clients/python/tests/dump.py` writes the same, and shares no code with it.
struct SealedDump {
    private let bytes: [UInt8]
    private(set) var lines: [String] = []

    init(_ bytes: [UInt8]) throws {
        self.bytes = bytes
        let footer = try SampleFile.open(bytes)
        let version = bytes[8..<12].reversed().reduce(0) { $0 << 8 | Int($1) }
        add(
            "file",
            version,
            footer.id,
            footer.archive,
            footer.created.nanoseconds,
            footer.receivedFrom.nanoseconds,
            footer.receivedTo.nanoseconds
        )
        lines.append((["sources"] + footer.sources).joined(separator: " "))
        if !footer.instances.isEmpty {
            lines.append((["instances"] + footer.instances).joined(separator: " "))
        }
        for (name, cursors) in [("before", footer.cursorsBefore), ("cursor", footer.cursors)] {
            for cursor in cursors {
                add(
                    name,
                    cursor.instance,
                    cursor.epoch,
                    cursor.position,
                    cursor.crc,
                    cursor.isFinished
                )
            }
        }
        for row in footer.ledger {
            add(
                "ledger",
                row.instance,
                row.feed.map(Self.text) ?? "-",
                row.from.nanoseconds,
                row.to.nanoseconds,
                row.count.map { "\($0)" } ?? "-",
                Self.text(row.cause)
            )
        }
        for record in footer.unreadable {
            let chunk = record.chunk
            let payload = bytes[chunk.offset..<(chunk.offset + chunk.byteCount)]
            add("unreadable", record.instance, record.epoch, record.position, Self.hex(payload))
        }
        for kept in footer.declarations {
            add("declaration", kept.instance, kept.epoch, kept.revision, Self.hex(kept.frame))
        }
        for timeline in footer.timelines { try add(timeline) }
        for timeline in footer.reduced { try addReduced(timeline) }
    }

    private mutating func addReduced(_ timeline: ReducedTimeline) throws {
        addHead("reduced", timeline.instance, timeline.feed, timeline.epochs)
        for group in timeline.groups {
            add(
                "group",
                group.rows,
                group.first.nanoseconds,
                group.last.nanoseconds,
                group.shortestDelay,
                group.longestDelay
            )
            for statistics in group.statistics { add(statistics) }
        }
        try addRollups(timeline.groups.flatMap(\.rollups), timeline.feed)
    }

    private mutating func add(_ parts: Any...) {
        lines.append(parts.map { "\($0)" }.joined(separator: " "))
    }

    private mutating func add(_ statistics: Statistics) {
        let numbers = [statistics.min, statistics.max, statistics.sum].map(Self.bits)
        let counts = ["\(statistics.count)", "\(statistics.notNumbers)"]
        lines.append((["statistics"] + counts + numbers).joined(separator: " "))
    }

    private mutating func addHead(
        _ word: String,
        _ instance: String,
        _ feed: Feed,
        _ epochs: [Int64]
    ) {
        lines.append(
            ([word, instance, feed.name, Self.text(feed.description)]
                + epochs.map { "\($0)" }).joined(separator: " ")
        )
        for field in feed.fields {
            let limits = field.limits.map { [$0.lowerBound, $0.upperBound] } ?? []
            add(
                "field",
                field.name,
                field.type.rawValue,
                field.unit.map { Self.text($0.rawValue) } ?? "-",
                Self.text(field.description),
                limits.isEmpty ? "-" : limits.map(Self.bits).joined(separator: " ")
            )
        }
    }

    private mutating func add(_ timeline: SealedTimeline) throws {
        let feed = timeline.feed
        addHead("timeline", timeline.instance, feed, timeline.epochs)
        let times = try timeline.groups.flatMap { try cells($0.times, .int, $0.rows) }
        lines.append((["times"] + times).joined(separator: " "))
        for (place, field) in feed.fields.enumerated() {
            let line = try timeline.groups.flatMap {
                try cells($0.columns[place].chunk, field.type, $0.rows)
            }
            lines.append(([field.name, field.type.rawValue] + line).joined(separator: " "))
        }
        for group in timeline.groups {
            add(
                "group",
                group.rows,
                group.first.nanoseconds,
                group.last.nanoseconds,
                group.shortestDelay,
                group.longestDelay
            )
            for column in group.columns { add(column.statistics) }
        }
        try addRollups(timeline.groups.flatMap(\.rollups), feed)
    }

    private mutating func addRollups(_ rollups: [SealedRollup], _ feed: Feed) throws {
        for tier in [RollupTier.minute, .hour] {
            for place in feed.fields.indices {
                for rollup in rollups where rollup.tier == tier {
                    try add(rollup, place, feed.fields[place].name)
                }
            }
        }
    }

    private mutating func add(_ rollup: SealedRollup, _ place: Int, _ name: String) throws {
        guard let pieces = rollup.columns[place] else { return }
        let n = rollup.buckets
        let numbers = try pieces.numbers.flatMap {
            try cells($0, .double, 3 * n / pieces.numbers.count)
        }
        let rows = try rollup.rows.map { try cells($0, .int, n) } ?? []
        let counts =
            try pieces.counts.map { try cells($0, .int, 2 * n) }
            ?? rows + Array(repeating: "0", count: n)
        let starts = try cells(rollup.starts, .int, n)
        let head = ["rollup", rollup.tier.rawValue, name]
        lines.append((head + starts + counts + numbers).joined(separator: " "))
    }

    private func cells(_ chunk: Chunk, _ type: FieldType, _ rows: Int) throws -> [String] {
        let piece = Array(bytes[chunk.offset..<(chunk.offset + chunk.byteCount)])
        let column = try piece.withUnsafeBytes {
            try ChunkCodec.decode($0, chunk, type, rows: rows)
        }
        return (0..<rows).map { row in
            guard column.isPresent(row) else { return "-" }
            return switch column.values {
            case .doubles(let values): Self.bits(values[row])
            case .ints(let values): "\(values[row])"
            case .bools(let values): "\(values[row])"
            case .strings(let values): Self.text(values[row])
            }
        }
    }

    private static func bits(_ value: Double) -> String {
        let digits = String(value.bitPattern, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func text(_ text: String) -> String { "'" + hex(text.utf8) }

    private static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
