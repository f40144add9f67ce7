import ArrowFormat
import Foundation
import Telemetry
import Testing

@Suite("pyarrow opens a stream and finds the same, bit by bit")
struct ArrowStreamTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// A line for the schema's and each field's metadata, then one for each column of each batch.
    private static let script = """
        import struct, sys
        import pyarrow as pa
        reader = pa.ipc.open_stream(sys.stdin.buffer)
        def texts(metadata):
            pairs = sorted((metadata or {}).items())
            return " ".join(k.decode() + "=" + v.decode() for k, v in pairs)
        print("schema", texts(reader.schema.metadata))
        for field in reader.schema:
            print("field", field.name, field.type, field.nullable, texts(field.metadata))
        while True:
            try:
                batch, metadata = reader.read_next_batch_with_custom_metadata()
            except StopIteration:
                break
            batch.validate(full=True)
            print("batch", batch.num_rows, texts(metadata))
            for name, column in zip(batch.schema.names, batch.columns):
                if pa.types.is_timestamp(column.type):
                    column = column.cast(pa.int64())
                def form(v):
                    if v is None: return "-"
                    if isinstance(v, float): return struct.pack(">d", v).hex()
                    if isinstance(v, str): return "'" + v.encode().hex()
                    return str(v).lower()
                print(name, column.null_count, *map(form, column.to_pylist()))
        """

    private func readByPyArrow(_ bytes: [UInt8]) throws -> [String] {
        let python = Self.root.appendingPathComponent(".build/python/bin/python")
        let isThere = FileManager.default.isExecutableFile(atPath: python.path)
        try #require(isThere, "there is no \(python.path): run deploy/install-python")
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("cerro-arrow-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("stream")
        try Data(bytes).write(to: file)
        let process = Process()
        process.executableURL = python
        process.arguments = ["-c", Self.script]
        process.standardInput = try FileHandle(forReadingFrom: file)
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private static let columns: [Column] = [
        .doubles([
            0, -0.0, .infinity, -.infinity, .nan, Double(nan: 77, signaling: false),
            .leastNonzeroMagnitude, 4.2, -1e300, 0.1,
        ]),
        .doubles([1, nil, 3, nil, .nan, nil, 7, 8, nil, 10] as [Double?]),
        .ints([0, -1, .min, .max, 4, 5, 6, 7, 8, 9]),
        .ints([nil, 7, nil, nil, nil, nil, nil, nil, nil, .max] as [Int64?]),
        .bools([true, false, true, true, false, false, true, true, false, true]),
        .bools([nil, true, false, nil, nil, nil, true, true, nil, nil] as [Bool?]),
        .strings(["", "Ångström", "\0", "🔭", "", "a", "b", "c", "d", "e"]),
        .strings([nil, "", "x", nil, "y", nil, nil, nil, nil, "z"] as [String?]),
        Column(
            .strings(Array(repeating: "?", count: 10)),
            presence: Array(repeating: false, count: 10)
        ),
    ]

    private func line(_ name: String, _ column: Column) -> String {
        let cells = (0..<column.count).map { row -> String in
            guard column.isPresent(row) else { return "-" }
            switch column.values {
            case .doubles(let values):
                let digits = String(values[row].bitPattern, radix: 16)
                return String(repeating: "0", count: 16 - digits.count) + digits
            case .ints(let values): return "\(values[row])"
            case .bools(let values): return "\(values[row])"
            case .strings(let values):
                return "'"
                    + values[row].utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            }
        }
        let missing = column.presence?.count { !$0 } ?? 0
        return ([name, "\(missing)"] + cells).joined(separator: " ")
    }

    @Test("all types, missing values, metadata of the schema, of fields and of a batch")
    func allTypes() throws {
        let names = Self.columns.indices.map { "cryo-1.feed.column_\($0)" }
        let fields =
            [ArrowField("time", .instants)]
            + zip(names, Self.columns).map {
                ArrowField($0, .values($1.type), metadata: [("unit", "µK"), ("description", "№")])
            }
        let times = (0..<10).map { Int64($0) * 1_000_000_007 + 1_795_237_800_000_000_001 }
        var bytes = ArrowStream.schema(fields, metadata: [("site", "atacama"), ("gaps", "[]")])
        var expected = ["schema gaps=[] site=atacama", "field time timestamp[ns, tz=UTC] False "]
        for (name, column) in zip(names, Self.columns) {
            let kinds: [FieldType: String] = [.int: "int64", .string: "string", .bool: "bool"]
            let kind = kinds[column.type] ?? "double"
            expected.append("field \(name) \(kind) True description=№ unit=µK")
        }
        for rows in [10, 0] {
            let metadata = rows == 0 ? [(key: "rows", value: "10")] : []
            let columns = rows == 0 ? Self.columns.map { emptied($0) } : Self.columns
            bytes += ArrowStream.batch(
                [.instants(Array(times[..<rows]))] + columns.map(ArrowColumn.values),
                rows: rows,
                metadata: metadata
            )
            expected.append("batch \(rows) " + (rows == 0 ? "rows=10" : ""))
            expected.append(line("time", .ints(Array(times[..<rows]))))
            for (name, column) in zip(names, columns) { expected.append(line(name, column)) }
        }
        bytes += ArrowStream.end
        let found = try readByPyArrow(bytes)
        #expect(found.count == expected.count)
        for (found, expected) in zip(found, expected) { #expect(found == expected) }
    }

    @Test("a stream without rows, and one without fields but the time")
    func empty() throws {
        let schema = ArrowStream.schema([ArrowField("time", .instants)], metadata: [])
        #expect(
            try readByPyArrow(schema + ArrowStream.end)
                == ["schema ", "field time timestamp[ns, tz=UTC] False "]
        )
        let batch = ArrowStream.batch([.instants([-1])], rows: 1)
        #expect(try readByPyArrow(schema + batch + ArrowStream.end).last == "time 0 -1")
    }

    private func emptied(_ column: Column) -> Column {
        switch column.type {
        case .double: .doubles([Double]())
        case .int: .ints([Int64]())
        case .bool: .bools([Bool]())
        case .string: .strings([String]())
        }
    }
}
