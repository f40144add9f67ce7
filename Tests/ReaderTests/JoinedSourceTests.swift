import Archive
import CerroTesting
import Foundation
import Telemetry
import Testing

@testable import Reader

@Suite("several archives are one timeline")
struct JoinedSourceTests {
    private static let whole = Timestamp(seconds: 0)..<Timestamp(seconds: 100_000)
    private static let name = FieldName(instance: "cryo-1", feed: "temperatures", field: "T")

    /// Seconds and values, from archives in this order.
    private static func joined(
        _ archives: [(field: Field, seconds: [Int64], column: ([Int64]) -> Column)]
    ) -> JoinedSource {
        JoinedSource(
            archives.map { archive in
                MemorySource([
                    "cryo-1.temperatures": MemorySource.Line(
                        feed: Feed("temperatures", fields: [archive.field]),
                        timestamps: archive.seconds.map { Timestamp(seconds: $0) },
                        columns: [archive.column(archive.seconds)],
                        finalizedUntil: Timestamp(seconds: archive.seconds.last ?? 0)
                    )
                ])
            },
            time: ManualTimeSource()
        )
    }

    private static func doubles(_ offset: Double) -> ([Int64]) -> Column {
        { seconds in .doubles(seconds.map { Double($0) + offset }) }
    }

    private static let kelvin = Field("T", .double, unit: .kelvin, description: "cold stage")
    private static let plain = Field("T")

    // Goal: an observatory moved from so3g to Cerro, both ran for a while, and Cerro was down once.
    @Test("the first archive that has samples at a time answers, the next fills its holes")
    func precedence() throws {
        let own = Array(1000..<1300) + Array(1600..<2000).map(Int64.init)
        let source = Self.joined([
            (Self.kelvin, own, Self.doubles(0.5)),
            (Self.plain, (0..<1900).map(Int64.init), Self.doubles(0)),
        ])
        let slice = try source.slice(of: [Self.name], in: Self.whole, limit: .max)
        // Up to a minute before and from a minute after a sample of the first one.
        let expected = Array(0..<940) + Array(1000..<1300) + Array(1360..<1540) + Array(1600..<2000)
        #expect(slice.timestamps == expected.map { Timestamp(seconds: Int64($0)) })
        let own2 = Set(own)
        #expect(
            slice.columns[0]
                == .doubles(
                    expected.map { own2.contains(Int64($0)) ? Double($0) + 0.5 : Double($0) }
                )
        )
        #expect(slice.fields == [Self.kelvin])
    }

    @Test("a range that is asked for in pieces has the same samples", arguments: 1...20)
    func pieces(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let source = Self.joined([
            (
                Self.kelvin,
                (0..<600).map { _ in Int64.random(in: 0..<30_000, using: &random) }.sorted(),
                Self.doubles(0.5)
            ),
            (Self.plain, (0..<3000).map { Int64($0) * 10 }, Self.doubles(0)),
            (Self.plain, (0..<3000).map { Int64($0) * 10 + 5 }, Self.doubles(0.25)),
        ])
        let whole = try source.slice(of: [Self.name], in: Self.whole, limit: .max)
        var found: [Timestamp] = []
        var values: [Column] = []
        var start = Self.whole.lowerBound
        while start < Self.whole.upperBound {
            let end = min(
                start + .seconds(Int64.random(in: 1..<9000, using: &random)),
                Self.whole.upperBound
            )
            let piece = try source.slice(of: [Self.name], in: start..<end, limit: .max)
            found += piece.timestamps
            values += piece.columns
            #expect(piece.leftOut == 0)
            start = end
        }
        #expect(found == whole.timestamps)
        #expect(values.flatMap(Self.values) == Self.values(whole.columns[0]))
        let few = try source.slice(of: [Self.name], in: Self.whole, limit: 100)
        #expect(few.timestamps == Array(whole.timestamps.prefix(few.timestamps.count)))
        #expect(!few.timestamps.isEmpty && few.leftOut > 0)
    }

    @Test("integers of one archive stand with doubles of the other, other types are kept apart")
    func types() throws {
        let source = Self.joined([
            (Field("T", .int), [10], { .ints($0) }),
            (Field("T", .double), [1000], Self.doubles(0.5)),
            (Field("T", .string), [5000], { seconds in .strings(seconds.map { "at \($0)" }) }),
        ])
        let slice = try source.slice(of: [Self.name], in: Self.whole, limit: .max)
        #expect(slice.columns == [.doubles([10, 1000.5, nil])])
        #expect(slice.apart.map(\.count) == [1] && slice.apart.map(\.field.type) == [.string])
        #expect(try source.fields(in: Self.whole).map(\.field.type) == [.double])
    }

    @Test("a timeline that only one archive has is that archive's, with what it was declared")
    func single() throws {
        let source = Self.joined([
            (Self.kelvin, [90_000], Self.doubles(0)), (Self.plain, [1, 2, 3], Self.doubles(0)),
        ])
        let range = Timestamp(seconds: 0)..<Timestamp(seconds: 1000)
        let slice = try source.slice(of: [Self.name], in: range, limit: .max)
        #expect(slice.fields == [Self.kelvin] && slice.columns == [.doubles([1, 2, 3])])
        #expect(
            try source.finalizedUntil(instance: "cryo-1", feed: "temperatures")
                == Timestamp(seconds: 90_000)
        )
    }

    // Goal: the whole way, from files that so3g wrote to the answer of a reader.
    @Test("a reader answers from a tree of so3g beside its archive")
    func tree() async throws {
        let folder = try TemporaryFolder()
        _ = try Python.run("Tests/Corpus/g3/so3g_write.py", [folder.path + "/hk"])
        try FileManager.default.createDirectory(
            atPath: folder.path + "/archive",
            withIntermediateDirectories: true
        )
        let service = QueryService(
            directory: folder.path + "/archive",
            holder: "a test",
            cache: 1 << 20,
            g3: [folder.path + "/hk", folder.path + "/not-there"],
            time: ManualTimeSource(Timestamp(seconds: 1_700_010_000))
        )
        try await service.refresh()
        let range = Timestamp(seconds: 1_700_000_000)..<Timestamp(seconds: 1_700_008_000)
        let fields = try await service.fields(FieldsQuery(range: range))
        #expect(fields.timelines.map(\.name).contains("cryo-1.temperatures"))
        let answer = try await service.data(
            DataQuery(fields: [FieldPattern("old*.temperatures.T")], range: range)
        )
        #expect(answer.timelines.map(\.timestamps.count) == [5, 5])
    }

    private static func values(_ column: Column) -> [Double] {
        if case .doubles(let values) = column.values { values } else { [] }
    }
}
