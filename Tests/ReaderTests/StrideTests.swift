import CerroTesting
import Telemetry
import Testing

@testable import Reader

@Suite("Samples that are picked lie a stride apart")
struct StrideTests {
    @Test("picked samples do not depend on the pieces in which they were read", arguments: 1...40)
    func stride(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var time = 0.0
        var timestamps: [Timestamp] = []
        for _ in 0..<150 {
            time += [0, 0.5, 1, 7][Int.random(in: 0..<4, using: &random)]
            timestamps.append(at(time))
        }
        let source = MemorySource([
            "a.b": .init(
                feed: Feed("b", fields: [Field("n", .int)]),
                timestamps: timestamps,
                columns: [.ints((0..<150).map(Int64.init))]
            )
        ])
        var engine = QueryEngine(archive: source)
        engine.pieceValues = Int.random(in: 1...20, using: &random)
        let query = DataQuery(
            fields: [FieldPattern("a.b.n")],
            range: at(0)..<at(2000),
            reduction: .stride(.seconds(2))
        )
        let timeline = try engine.data(query, noDeadline).timelines[0]
        var expected: [Int64] = []
        var last: Timestamp?
        for (index, timestamp) in timestamps.enumerated()
        where last.map({ timestamp - $0 >= .seconds(2) }) ?? true {
            expected.append(Int64(index))
            last = timestamp
        }
        guard case .samples(let column) = timeline.fields[0].content else { return }
        #expect(column == .ints(expected), "seed \(seed)")
    }
}
