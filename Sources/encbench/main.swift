import ArchiveFormat
import Foundation
import Telemetry

let folder = CommandLine.arguments[1]
let manifest = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: folder + "/manifest.json"))) as! [String: Any]
let states = manifest["states"] as! [String]
func load<T>(_ name: String, _ type: T.Type) -> [T] {
    let d = try! Data(contentsOf: URL(filePath: folder + "/" + name))
    return d.withUnsafeBytes { Array($0.bindMemory(to: T.self)) }
}
let fields: [(String, String)] = (manifest["fields"] as! [[String]]).map { ($0[0], $0[1]) }
var totals: [String: (bytes: Int, values: Int, enc: Double, dec: Double)] = [:]
for feed in manifest["feeds"] as! [[String: Any]] {
    let name = feed["name"] as! String
    let t = load("\(name).t.f64", Double.self).map { Int64(($0 * 1e6).rounded()) * 1000 }
    var columns: [(String, Column)] = [("t", .ints(t))]
    for (field, type) in fields {
        let file = "\(name).\(field).\(type)"
        switch (field, type) {
        case ("ok", _): columns.append((field, .bools(load(file, UInt8.self).map { $0 != 0 })))
        case ("state", _): columns.append((field, .strings(load(file, UInt8.self).map { states[Int($0)] })))
        case (_, "i64"): columns.append((field, .ints(load(file, Int64.self))))
        default: columns.append((field, .doubles(load(file, Double.self))))
        }
    }
    for (field, column) in columns {
        var from = 0
        while from < column.count {
            let rows = from..<min(column.count, from + 3600)
            let clock = ContinuousClock()
            let a = clock.now
            let e = ChunkCodec.encode(column, rows: rows)
            let b = clock.now
            let chunk = Chunk(offset: 0, byteCount: e.bytes.count, plainByteCount: e.plainByteCount, checksum: e.bytes.withUnsafeBytes { crc32c($0) }, encoding: e.encoding.rawValue)
            let c = clock.now
            let back = try e.bytes.withUnsafeBytes { try ChunkCodec.decode($0, chunk, column.type, rows: rows.count) }
            let d = clock.now
            switch (back.values, column.values) {
            case (.doubles(let x), .doubles(let y)): precondition(x.map(\.bitPattern) == y[rows].map(\.bitPattern))
            case (.ints(let x), .ints(let y)): precondition(x == Array(y[rows]))
            case (.bools(let x), .bools(let y)): precondition(x == Array(y[rows]))
            case (.strings(let x), .strings(let y)): precondition(x == Array(y[rows]))
            default: preconditionFailure()
            }
            func s(_ d: Duration) -> Double { Double(d.components.attoseconds) / 1e18 + Double(d.components.seconds) }
            var tally = totals[field] ?? (0, 0, 0, 0)
            tally.bytes += e.bytes.count; tally.values += rows.count; tally.enc += s(b - a); tally.dec += s(d - c)
            totals[field] = tally
            from += 3600
        }
    }
}
var all = (0, 0, 0.0, 0.0)
for (field, x) in totals.sorted(by: { $0.key < $1.key }) {
    print(field, String(format: "%.3f B/value  enc %.0f M/s  dec %.0f M/s", Double(x.bytes) / Double(x.values), Double(x.values) / x.enc / 1e6, Double(x.values) / x.dec / 1e6))
    all.0 += x.bytes; if field != "t" { all.1 += x.values }; all.2 += x.enc; all.3 += x.dec
}
print("all", String(format: "%.3f B/value  enc %.1f M/s  dec %.1f M/s", Double(all.0) / Double(all.1), Double(all.1) / all.2 / 1e6, Double(all.1) / all.3 / 1e6))
