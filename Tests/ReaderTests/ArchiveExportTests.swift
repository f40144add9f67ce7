import Archive
import Foundation
import Synchronization
import Telemetry
import Testing

@testable import Reader

@Suite("an export holds what the archive holds, in bounded pieces")
struct ArchiveExportTests {
    private static let thermometer = Feed(
        "temps",
        fields: [
            Field("a", unit: .kelvin, description: "Cold, \"plate\""), Field("n", .int),
            Field("open", .bool), Field("state", .string),
        ]
    )
    private static let everything = at(0)..<at(1_000_000)

    private func store(_ archive: TemporaryArchive) throws -> ArchiveStore {
        let folder = archive.path + "-index"
        try? FileManager.default.removeItem(atPath: folder)
        try FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true
        )
        return try ArchiveStore(ArchiveDirectory(archive.path), withIndexIn: folder, cache: 1 << 20)
    }

    private func export(
        _ archive: TemporaryArchive,
        _ fields: [String],
        _ format: ExportFormat,
        _ range: Range<Timestamp> = everything,
        times: TimeForm = .iso
    ) throws -> (text: String, summary: ExportSummary) {
        defer { try? FileManager.default.removeItem(atPath: archive.path + "-index") }
        var bytes: [UInt8] = []
        let export = try ArchiveExport(try store(archive), fields: fields, range: range)
        let summary = try export.write(format, times: times) { bytes += $0 }
        return (String(decoding: bytes, as: UTF8.self), summary)
    }

    /// Rows of every type, of which values are missing or no numbers; another feed beside them.
    private func archive(sealed: Bool = false) throws -> TemporaryArchive {
        let archive = try TemporaryArchive()
        try archive.commit(
            "cryo",
            Self.thermometer,
            Block(
                timestamps: [at(1), at(2), at(3), at(4)],
                columns: [
                    .doubles([4.25, nil, .nan, -.infinity] as [Double?]), .ints([1, .max, -3, 4]),
                    .bools([true, nil, false, true] as [Bool?]),
                    .strings(["a,\"b\"", "", nil, "ü\n"] as [String?]),
                ]
            )
        )
        try archive.commit(
            "gauge",
            Feed("pressure", fields: [Field("p", unit: "mbar")]),
            Block(timestamps: [at(2), at(2.5)], columns: [.doubles([1e-9, 0.1])])
        )
        try archive.commit(
            LedgerEntry(
                instance: "cryo",
                feed: "temps",
                from: at(5),
                to: at(6),
                count: 3,
                cause: "spool full"
            )
        )
        if sealed { try archive.sealAll() }
        return archive
    }

    @Test("CSV: units, missing values, texts, what is not finite, gaps", arguments: [false, true])
    func csv(sealed: Bool) throws {
        let found = try export(try archive(sealed: sealed), ["cryo", "gauge.pressure.p"], .csv)
        #expect(
            found.text == #"""
                time,cryo.temps.a [K],cryo.temps.n,cryo.temps.open,cryo.temps.state,\#
                gauge.pressure.p [mbar]
                \#(at(1)),4.25,1,true,"a,""b""",
                \#(at(2)),,9223372036854775807,,"",1e-09
                \#(at(2.5)),,,,,0.1
                \#(at(3)),NaN,-3,false,,
                \#(at(4)),-Infinity,4,true,"ü
                ",
                # missing: cryo.temps from \#(at(5)) to \#(at(6)), 3 records: spool full

                """#
        )
        #expect(found.summary.rows == 5)
        #expect(found.summary.ledger.gaps.count == 1)
    }

    @Test("NDJSON: a line for each time, and a last one that says what it was")
    func ndjson() throws {
        let found = try export(try archive(), ["cryo.temps.a", "*.n"], .ndjson, times: .ns)
        let lines = found.text.split(separator: "\n")
        #expect(lines.count == 5)
        #expect(lines[0] == #"{"t":"\#(at(1).nanoseconds)","cryo.temps.a":4.25,"cryo.temps.n":1}"#)
        #expect(
            lines[2] == #"{"t":"\#(at(3).nanoseconds)","cryo.temps.a":"NaN","cryo.temps.n":-3}"#
        )
        let last = try JSONSerialization.jsonObject(with: Data(lines[4].utf8)) as? [String: Any]
        #expect(last?["rows"] as? Int == 4)
        let fields = last?["fields"] as? [String: [String: Any]]
        #expect(fields?["cryo.temps.a"]?["unit"] as? String == "K")
        #expect(fields?["cryo.temps.a"]?["description"] as? String == "Cold, \"plate\"")
        #expect((last?["gaps"] as? [[String: Any]])?.first?["cause"] as? String == "spool full")
    }

    @Test("a range is half-open, and a pattern without samples is an error with near names")
    func ranges() throws {
        let archive = try archive()
        let part = try export(archive, ["cryo.temps.n"], .csv, at(2)..<at(4), times: .s)
        #expect(
            part.text.split(separator: "\n").dropFirst().map { $0.split(separator: ",")[1] }
                == ["9223372036854775807", "-3"]
        )
        #expect(part.summary.ledger.rows.isEmpty)
        #expect {
            try export(archive, ["cryo.temps.m", "nothing*"], .csv)
        } throws: { error in
            guard case ExportError.unknownFields(let sentences) = error else { return false }
            return sentences.count == 2 && sentences[0].contains("did you mean cryo.temps.")
        }
    }

    @Test("integers that became doubles are doubles everywhere, another unit is kept apart")
    func declarations() throws {
        for newestIsInt in [false, true] {
            let archive = try TemporaryArchive()
            let feeds = [
                Feed("f", fields: [Field("x", .double, unit: "V")]),
                Feed("f", fields: [Field("x", newestIsInt ? .double : .int, unit: .kelvin)]),
                Feed("f", fields: [Field("x", newestIsInt ? .int : .double, unit: .kelvin)]),
            ]
            for (index, feed) in feeds.enumerated() {
                let isInt = feed.fields[0].type == .int
                try archive.commit(
                    "a",
                    epoch: Int64(index + 1),
                    feed,
                    Block(
                        timestamps: [at(Double(index) * 20_000)],
                        columns: [isInt ? .ints([7]) : .doubles([0.5])]
                    )
                )
            }
            let found = try export(archive, ["a.f.x"], .csv, times: .s)
            let cells = found.text.split(separator: "\n", omittingEmptySubsequences: false)
            let values = cells[1...3].map { $0.drop { $0 != "," }.dropFirst() }
            #expect(values == (newestIsInt ? ["", "0.5", "7.0"] : ["", "7.0", "0.5"]))
            #expect(cells[0] == "time,a.f.x [K]")
            #expect(found.summary.notes.count == 1)
            #expect(found.summary.notes[0].contains("1 values"))
        }
    }

    // Goal: the pieces are cut by what they hold, and no row is lost or doubled where they meet.
    @Test("many rows come in pieces, each row once, equal times together")
    func pieces() throws {
        let archive = try TemporaryArchive()
        let feed = Feed("fast", fields: (0..<4).map { Field("x\($0)", .int) })
        let count = 60_000
        for first in stride(from: 0, to: 4 * count, by: count) {
            let rows = first..<(first + count)
            try archive.commit(
                "a",
                feed,
                Block(
                    timestamps: rows.map { at(Double($0 / 2) * 0.5) },
                    columns: (0..<4).map { column in .ints(rows.map { Int64($0 + column) }) }
                )
            )
        }
        try archive.sealAll()
        defer { try? FileManager.default.removeItem(atPath: archive.path + "-index") }
        let export = try ArchiveExport(try store(archive), fields: ["a"], range: Self.everything)
        var values: [Int64] = []
        var progress: [(Int64, Int64)] = []
        var longest = 0
        let summary = try export.write(.csv, times: .ns, progress: { progress.append(($0, $1)) }) {
            longest = max(longest, $0.count)
            for line in String(decoding: $0, as: UTF8.self).split(separator: "\n") {
                if let value = Int64(line.split(separator: ",")[1]) { values.append(value) }
            }
        }
        #expect(values == (0..<Int64(4 * count)).map { $0 })
        #expect(summary.rows == Int64(4 * count))
        #expect(progress.count >= 2)
        #expect(progress.last.map { $0.0 == $0.1 && $0.0 == Int64(4 * count) } == true)
        #expect(longest < 2 << 20)
    }

    @Test("it stops when it is asked to, and passes on what its sink throws")
    func stopping() throws {
        let archive = try archive()
        defer { try? FileManager.default.removeItem(atPath: archive.path + "-index") }
        let export = try ArchiveExport(try store(archive), fields: ["*"], range: Self.everything)
        #expect(throws: ExportError.stopped) {
            try export.write(.ndjson, isStopped: { true }) { _ in }
        }
        #expect(throws: CancellationError.self) {
            try export.write(.ndjson) { _ in throw CancellationError() }
        }
    }

    // Goal: an archive is exported while its reader runs, and the reader's index stays its own.
    @Test("the reader's index is copied, and not read again from the files")
    func besideReader() throws {
        let archive = try archive(sealed: true)
        let reader = try ArchiveStore(ArchiveDirectory(archive.path), holder: "reader")
        let folder = archive.path + "-index"
        try FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var indexed: [Int] = []
        let store = try ArchiveStore(
            ArchiveDirectory(archive.path),
            withIndexIn: folder,
            cache: 1 << 20
        ) { _, all in indexed.append(all) }
        #expect(indexed.allSatisfy { $0 == 0 })
        #expect(try store.fields(in: Self.everything) == reader.fields(in: Self.everything))
        try reader.refreshAll()
        #expect(reader.problems.isEmpty)
    }
}
