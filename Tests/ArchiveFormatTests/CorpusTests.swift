import ArchiveFormat
import Foundation
import Telemetry
import Testing

/// The files that every reader of the format, in any language, has to read alike.
@Suite("the corpus of sealed files")
struct CorpusTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Corpus/archive")

    // Goal: a file of any version is read for ever.
    // Method: the bytes in the corpus were written once; the JSON beside says what is in them.
    // With CERRO_WRITE_CORPUS one that is not there is written, which a new kind of file needs.
    @Test(
        "reads as the JSON beside it says",
        arguments: [
            "all-types", "all-types-2", "all-types-3", "encodings-2", "encodings-3", "parts-3",
            "reduced-2", "reduced-3",
        ]
    )
    func sample(name: String) throws {
        let file = Self.folder.appendingPathComponent("\(name).cerro")
        let json = Self.folder.appendingPathComponent("\(name).json")
        if name.hasSuffix("-\(SealedLayout.version)"),
            ProcessInfo.processInfo.environment["CERRO_WRITE_CORPUS"] != nil,
            !FileManager.default.fileExists(atPath: file.path)
        {
            let bytes = try Self.bytes(of: name)
            try FileManager.default.createDirectory(
                at: Self.folder,
                withIntermediateDirectories: true
            )
            try Data(bytes).write(to: file)
            try Self.json(bytes).write(to: json)
        }
        let bytes = [UInt8](try Data(contentsOf: file))
        let found = try JSONSerialization.jsonObject(with: Self.json(bytes)) as? NSDictionary
        let expected = try JSONSerialization.jsonObject(with: Data(contentsOf: json))
        #expect(found == expected as? NSDictionary)
    }

    private static func bytes(of name: String) throws -> [UInt8] {
        if name.hasPrefix("encodings") {
            return try EncodingsFile(ChunkCodecTests.columns).bytes
        }
        if name.hasPrefix("parts") { return try PartsFile().bytes }
        return name.hasPrefix("reduced") ? try ReducedFile().bytes : try SampleFile().bytes
    }

    /// What is in a file: texts for what JSON has no number for, null for what is missing.
    static func json(_ bytes: [UInt8]) throws -> Data {
        let footer = try SampleFile.open(bytes)
        let timelines = try footer.timelines.map { timeline -> [String: Any] in
            var times: [Any] = []
            var columns: [[Any]] = timeline.feed.fields.map { _ in [] }
            for group in timeline.groups {
                times += try values(bytes, group.times, .int, group.rows)
                for (index, field) in timeline.feed.fields.enumerated() {
                    let chunk = group.columns[index].chunk
                    columns[index] += try values(bytes, chunk, field.type, group.rows)
                }
            }
            return [
                "instance": timeline.instance, "feed": timeline.feed.name,
                "epochs": timeline.epochs, "times": times, "columns": columns,
                "fields": timeline.feed.fields.map { field in
                    [
                        "name": field.name, "type": field.type.rawValue,
                        "unit": field.unit.map { $0.rawValue as Any } ?? NSNull(),
                    ]
                },
                "rollups": timeline.groups.flatMap(\.rollups).map { rollup in
                    ["tier": rollup.tier.rawValue, "buckets": rollup.buckets] as [String: Any]
                },
            ]
        }
        var document: [String: Any] = [
            "id": footer.id, "archive": footer.archive, "created": footer.created.nanoseconds,
            "sources": footer.sources,
            "cursors": footer.cursors.map {
                [$0.instance, $0.epoch, $0.position, Int64($0.crc), $0.isFinished] as [Any]
            },
            "ledger": footer.ledger.map { [$0.instance, $0.cause] },
            "unreadable": footer.unreadable.map { [$0.position, $0.reason] as [Any] },
            "timelines": timelines,
        ]
        if !footer.reduced.isEmpty { document["reduced"] = footer.reduced.map(reduced) }
        return try JSONSerialization.data(
            withJSONObject: document,
            options: [.sortedKeys]
        )
    }

    private static func reduced(_ timeline: ReducedTimeline) -> [String: Any] {
        let groups = timeline.groups.map { group -> [String: Any] in
            let statistics = group.statistics.map { part -> [Any] in
                [part.count, part.notNumbers] + [part.min, part.max, part.sum].map(number)
            }
            return [
                "rows": group.rows, "range": [group.first.nanoseconds, group.last.nanoseconds],
                "statistics": statistics,
                "rollups": group.rollups.map {
                    ["tier": $0.tier.rawValue, "buckets": $0.buckets] as [String: Any]
                },
            ]
        }
        return [
            "instance": timeline.instance, "feed": timeline.feed.name, "epochs": timeline.epochs,
            "groups": groups,
        ]
    }

    private static func number(_ value: Double) -> Any {
        value.isFinite && !(value == 0 && value.sign == .minus) ? value : "\(value)"
    }

    private static func values(
        _ bytes: [UInt8],
        _ chunk: Chunk,
        _ type: FieldType,
        _ rows: Int
    ) throws -> [Any] {
        let piece = Array(bytes[chunk.offset..<(chunk.offset + chunk.byteCount)])
        let column = try piece.withUnsafeBytes {
            try ChunkCodec.decode($0, chunk, type, rows: rows)
        }
        return (0..<rows).map { row -> Any in
            guard column.isPresent(row) else { return NSNull() }
            switch column.values {
            case .doubles(let values): return number(values[row])
            case .ints(let values): return values[row]
            case .bools(let values): return values[row]
            case .strings(let values): return values[row]
            }
        }
    }
}
