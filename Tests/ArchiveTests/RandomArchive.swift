import ArchiveFormat
import CerroTesting
import Foundation
import Log
import Telemetry
import Testing

@testable import Archive

/// An archive of one random feed, and a plain list of all rows that were written to it.
///
/// Times jump ahead, back and stand still, values are missing, NaN with a payload or infinite, and
/// declarations follow each other in which an integer becomes a double, a unit changes, and a field
/// goes.
struct RandomArchive {
    /// One row: its time, its declaration, and a cell for each field of that.
    struct Row {
        let time: Int64
        let feed: Feed
        let cells: [String]
    }

    /// What a question asks for.
    struct Question {
        var fields: [String]
        var range: Range<Timestamp>
        var limit = Int.max

        func ask(_ store: ArchiveStore) throws -> PlainSlice {
            PlainSlice(
                try store.timeline(
                    instance: "alpha",
                    feed: "mix",
                    fields: fields,
                    range: range,
                    limit: limit
                )
            )
        }
    }

    /// How far the archive had come at some moment.
    struct Mark {
        let log: AgentLog, rows: [Row], path: String, byteCount: Int
    }

    static let declarations = [
        Feed("mix", fields: [Field("a", .int), Field("b"), Field("c", .string)]),
        Feed("mix", fields: [Field("b"), Field("a"), Field("c", .string), Field("d", .bool)]),
        Feed("mix", fields: [Field("a"), Field("b", unit: .kelvin), Field("d", .bool)]),
    ]

    private let rig: Rig
    private var journal: JournalWriter
    private var log = AgentLog("alpha", epoch: 1)
    private var random: SeededGenerator
    private var newest = start.nanoseconds
    private(set) var rows: [Row] = []
    private var declared = 0

    init(seed: UInt64) throws {
        rig = try Rig(rotate: .seconds(60))
        journal = rig.journal
        random = SeededGenerator(seed: seed)
    }

    func store(openBytes: Int, chunkBytes: Int = 1 << 20) throws -> ArchiveStore {
        try ArchiveStore(
            rig.archive.directory,
            holder: "test reader",
            chunkBytes: chunkBytes,
            openBytes: openBytes
        )
    }

    /// Publishes so many records and commits them; then seals what can be sealed.
    mutating func write(records: Int, seals: Bool, clockRuns: Bool = true) throws {
        for _ in 0..<records {
            if declared == 0 || declared < Self.declarations.count && random.next() % 150 == 0 {
                declared += 1
                log.declare(
                    Self.declarations[declared - 1],
                    revision: Int64(declared),
                    at: rig.time.now
                )
            }
            log.publish([block()], revision: Int64(declared), at: rig.time.now)
            if clockRuns, random.next() % 8 == 0 { rig.time.now = rig.time.now + .seconds(3) }
            try log.send(to: journal, received: rig.time.now)
            if random.next() % 4 == 0 { try journal.commit() }
        }
        try journal.commit()
        if seals { try rig.sealer.sealAll(openSegment: journal.segmentPath) }
    }

    func mark() throws -> Mark {
        let path = rig.archive.directory.full(try #require(try files().last))
        return Mark(log: log, rows: rows, path: path, byteCount: try bytes(path).count)
    }

    /// Lets a writer begin that knows of nothing since `mark`, though the journal has it.
    mutating func lose(since mark: Mark) throws {
        let path = rig.archive.directory.full(try #require(try files().last))
        try #require(path == mark.path, "the segment ended meanwhile")
        let all = try bytes(path)
        try all.prefix(mark.byteCount).write(to: URL(fileURLWithPath: path))
        let id = try #require(try rig.archive.directory.readID())
        rig.time.now = rig.time.now + .seconds(1)
        journal = try JournalWriter(
            directory: rig.archive.directory,
            archive: id,
            settings: JournalSettings(rotate: .seconds(60), maxSize: 4 << 30),
            time: rig.time
        )
        (log, rows) = (mark.log, mark.rows)
        log.publish([block()], revision: Int64(declared), at: rig.time.now)
        try log.send(to: journal, received: rig.time.now)
        try journal.commit()
        // In place: a reader has it open.
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.write(contentsOf: all)
        try file.close()
    }

    private func files() throws -> [ArchiveFile] {
        try rig.archive.directory.files().filter { $0.kind == .journal }.sorted()
    }

    private func bytes(_ path: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: path))
    }

    /// Instants between which rows can be counted.
    var edges: [Timestamp] {
        let times = rows.map(\.time).sorted()
        return [0, times.count / 3, times.count / 2].map { Timestamp(nanoseconds: times[$0]) }
            + [Timestamp(nanoseconds: .max)]
    }

    func counts(between edges: [Timestamp]) -> [Int64] {
        zip(edges, edges.dropFirst()).map { from, to in
            Int64(rows.count { (from..<to).contains(Timestamp(nanoseconds: $0.time)) })
        }
    }
}

extension RandomArchive {
    /// The next rows, mostly later than all before.
    private mutating func block() -> Block {
        let feed = Self.declarations[declared - 1]
        let count = 1 + Int(random.next() % 20)
        var block = Block(timestamps: [], columns: [])
        for _ in 0..<count {
            block.timestamps.append(Timestamp(nanoseconds: nextTime()))
        }
        block.columns = feed.fields.map { column($0.type, count) }
        for row in 0..<count {
            rows.append(
                Row(
                    time: block.timestamps[row].nanoseconds,
                    feed: feed,
                    cells: block.columns.map { $0.cell(row) }
                )
            )
        }
        return block
    }

    private mutating func nextTime() -> Int64 {
        let second: Int64 = 1_000_000_000
        switch random.next() % 40 {
        case 0: return newest - Int64(random.next() % 40_000) * second
        case 1...3: return newest - Int64(random.next() % 20) * second
        case 4...5: return newest
        case 6: newest += Int64(random.next() % 8000) * second
        default: newest += Int64(random.next() % 3) * second + Int64(random.next() % 1000)
        }
        return newest
    }

    private mutating func column(_ type: FieldType, _ count: Int) -> Column {
        let presence = random.next() % 3 == 0 ? (0..<count).map { _ in random.next() % 4 > 0 } : nil
        let words = (0..<count).map { _ in random.next() }
        let values: Column.Values =
            switch type {
            case .int: .ints(words.map { Int64(bitPattern: $0) >> Int64($0 % 50) })
            case .bool: .bools(words.map { $0 % 2 == 0 })
            case .string: .strings(words.map { $0 % 3 == 0 ? "" : "text \($0 % 7)" })
            case .double: .doubles(words.map(Self.double))
            }
        guard let presence, !presence.allSatisfy(\.self) else { return Column(values) }
        return Column(values, presence: presence)
    }

    private static func double(_ word: UInt64) -> Double {
        switch word % 20 {
        case 0: Double(bitPattern: 0x7FF8_0000_0000_0000 | word >> 20)
        case 1: -.infinity
        case 2: -0.0
        case 3: Double(bitPattern: word)
        default: Double(Int64(bitPattern: word) >> 44) / 1000
        }
    }

    /// A random question.
    mutating func question() -> Question {
        let times = rows.map(\.time)
        let from = times[Int(random.next() % UInt64(times.count))]
        let to = times[Int(random.next() % UInt64(times.count))]
        var fields = ["a", "b", "c", "d", "absent"].filter { _ in random.next() % 2 == 0 }
        if fields.isEmpty { fields = ["a"] }
        return Question(
            fields: fields,
            range: Timestamp(
                nanoseconds: min(from, to)
            )..<Timestamp(nanoseconds: max(from, to) + Int64(random.next() % 2)),
            limit: random.next() % 4 == 0 ? Int(random.next() % 300) : .max
        )
    }

    /// The answer, found row by row.
    func reference(_ question: Question) -> PlainSlice {
        let inside = rows.filter { question.range.contains(Timestamp(nanoseconds: $0.time)) }
        let sorted = inside.enumerated().sorted {
            ($0.element.time, $0.offset) < ($1.element.time, $1.offset)
        }.map(\.element).prefix(max(0, question.limit))
        var slice = PlainSlice()
        slice.times = sorted.map(\.time)
        slice.leftOut = inside.count - sorted.count
        for name in question.fields {
            let declared = inside.compactMap { row in row.feed.fields.first { $0.name == name } }
            var field = declared.last
            if let newest = field, newest.type == .int,
                declared.contains(where: { $0.type == .double && $0.unit == newest.unit })
            {
                field = Field(name, .double, unit: newest.unit)
            }
            slice.fields.append(field)
            slice.types.append(field?.type ?? .double)
            slice.cells.append(sorted.map { $0.cell(name, as: field) ?? "-" })
            for row in inside {
                guard let own = row.feed.fields.first(where: { $0.name == name }), let field,
                    row.cell(name, as: own) != "-", row.cell(name, as: field) == nil
                else { continue }
                slice.keepApart(own, Timestamp(nanoseconds: row.time))
            }
        }
        return slice
    }
}

extension RandomArchive.Row {
    /// The cell of a field as it stands among values declared so; nil if it does not.
    fileprivate func cell(_ name: String, as field: Field?) -> String? {
        guard let field, let place = feed.fields.firstIndex(where: { $0.name == name }) else {
            return nil
        }
        let own = feed.fields[place]
        guard own.unit == field.unit else { return nil }
        if own.type == field.type || cells[place] == "-" && own.type == .int { return cells[place] }
        guard own.type == .int, field.type == .double, let value = Int64(cells[place]) else {
            return nil
        }
        return Column.doubles([Double(value)]).cell(0)
    }
}

/// A slice in a form in which every bit of a value counts.
struct PlainSlice: Sendable {
    var times: [Int64] = []
    var types: [FieldType] = []
    var cells: [[String]] = []
    var fields: [Field?] = []
    var leftOut = 0
    var apart: [KeptApart] = []

    init() {}

    init(_ slice: TimelineSlice) {
        times = slice.timestamps.map(\.nanoseconds)
        types = slice.columns.map(\.type)
        cells = slice.columns.map { column in (0..<column.count).map(column.cell) }
        fields = slice.fields
        leftOut = slice.leftOut
        apart = slice.apart
    }

    /// What is different in another slice; nil if nothing is.
    func difference(_ other: PlainSlice) -> String? {
        if fields != other.fields { return "fields \(other.fields), expected \(fields)" }
        if types != other.types { return "types \(other.types), expected \(types)" }
        if times != other.times {
            let row = zip(times, other.times).enumerated().first { $1.0 != $1.1 }?.offset
            return "\(other.times.count) times, expected \(times.count); row \(row ?? -1)"
        }
        for (column, (own, others)) in zip(cells, other.cells).enumerated() where own != others {
            let row = zip(own, others).enumerated().first { $1.0 != $1.1 }?.offset ?? -1
            return "column \(column) row \(row): \(others[row]), expected \(own[row])"
        }
        if leftOut != other.leftOut { return "\(other.leftOut) left out, expected \(leftOut)" }
        return apart == other.apart ? nil : "apart \(other.apart), expected \(apart)"
    }

    fileprivate mutating func keepApart(_ field: Field, _ time: Timestamp) {
        guard let place = apart.firstIndex(where: { $0.field == field }) else {
            apart.append(KeptApart(field: field, first: time, last: time, count: 1))
            return
        }
        apart[place].first = min(apart[place].first, time)
        apart[place].last = max(apart[place].last, time)
        apart[place].count += 1
    }
}

extension Column {
    /// A value as text, every bit of it; `-` where it is missing.
    fileprivate func cell(_ row: Int) -> String {
        guard isPresent(row) else { return "-" }
        return switch values {
        case .doubles(let values): "x" + String(values[row].bitPattern, radix: 16)
        case .ints(let values): String(values[row])
        case .bools(let values): String(values[row])
        case .strings(let values): "\"\(values[row])\""
        }
    }
}
