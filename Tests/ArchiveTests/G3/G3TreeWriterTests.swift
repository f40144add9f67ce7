import Archive
import CerroTesting
import Foundation
import Telemetry
import Testing

@Suite("so3g reads what Cerro writes")
struct G3TreeWriterTests {
    private static let second: Int64 = 1_700_000_000

    private static func times(_ count: Int, every step: Int64 = 1_000_000_010) -> [Timestamp] {
        (0..<count).map { Timestamp(nanoseconds: second * 1_000_000_000 + Int64($0) * step) }
    }

    /// Every type, every width of integers, what is not finite, and fields that lack values.
    private static func rows(_ count: Int) -> G3Rows {
        let odd = (0..<count).map { $0 % 3 == 1 }
        let special: [Double] = [0.1, -0.0, .infinity, -.infinity, .leastNonzeroMagnitude, -1e300]
        let doubles = (0..<count).map { row -> Double in
            row < special.count ? special[row] : Double(row) / 8
        }
        let numbers = (0..<count).map { Int64($0) }
        let never = Array(repeating: false, count: count)
        let states = ["", "idle", "Å 🔭"]
        return G3Rows(
            instance: "cryo-1",
            feed: "temperatures",
            start: 1_699_999_999.5,
            timestamps: times(count),
            fields: [
                ("T", .doubles(doubles)),
                ("narrow", .ints(numbers.map { $0 % 100 })),
                ("wide", .ints(numbers.map { $0 % 2 == 0 ? Int64.min : Int64.max })),
                ("ok", .bools(numbers.map { $0 % 2 == 0 })),
                ("state", .strings(numbers.map { states[Int($0 % 3)] })),
                ("sparse", Column(.doubles(doubles), presence: odd)),
                ("sparse_int", Column(.ints(numbers), presence: odd)),
                ("never", Column(.ints(numbers), presence: never)),
            ]
        )
    }

    // Goal: an observatory's own tools read what Cerro keeps, and find nothing to complain about.
    // Method: so3g's compliance scanner and `load_range` run over our tree; the script compares
    // what load_range returns with the frames, and this test the frames with what was written.
    @Test("the scanner is content, load_range returns all, bit for bit")
    func so3g() throws {
        let folder = try TemporaryFolder()
        let writer = G3TreeWriter(root: folder.path)
        let main = Self.rows(1000)
        let other = G3Rows(
            instance: "gauge",
            feed: "pressure",
            timestamps: Self.times(20, every: 0),
            fields: [("p", .doubles((0..<20).map { Double($0) / 7 }))]
        )
        #expect(
            try writer.write(Self.second) { add in
                try add(main)
                try add(other)
            } == 1020
        )
        let later = G3Rows(
            instance: "cryo-1",
            feed: "temperatures",
            timestamps: [Timestamp(seconds: Self.second + 7201)],
            fields: [("T", .doubles([4.5]))]
        )
        _ = try writer.write(Self.second + 7200) { try $0(later) }

        let text = try Python.run("Tests/Corpus/g3/so3g_read.py", [folder.path])
        let lines = text.split(separator: "\n", maxSplits: 2).map(String.init)
        #expect(lines[0] == "scanner errors 0 warnings 0")
        #expect(lines[1] == "load_range 8 fields 5687 samples")
        let found = SampleLines(lines[2])
        for rows in [main, other] {
            for (name, column) in rows.fields where name != "never" {
                var expected = SampleLines.samples(rows.timestamps, column)
                if name == "T" {
                    expected.ticks.append((Self.second + 7201) * 100_000_000)
                    expected.bits +=
                        SampleLines.samples(later.timestamps, later.fields[0].column).bits
                }
                #expect(
                    found.fields["\(rows.instance).\(rows.feed).\(name)"] == expected,
                    "\(name)"
                )
            }
        }
        #expect(found.fields["cryo-1.temperatures.never"] == nil)
    }

    @Test("what is written is read in place, and again the same file is no more than itself")
    func again() throws {
        let tree = try G3TestTree()
        let writer = G3TreeWriter(root: tree.root)
        for _ in 0..<2 { _ = try writer.write(Self.second) { try $0(Self.rows(100)) } }
        let store = try tree.open()
        try store.refresh()
        let slice = try store.timeline(
            instance: "cryo-1",
            feed: "temperatures",
            fields: ["T"],
            range: Timestamp(seconds: 1)..<Timestamp(seconds: 2_000_000_000)
        )
        #expect(
            slice.timestamps
                == Self.times(100).map {
                    Timestamp(nanoseconds: $0.nanoseconds / 10 * 10)
                }
        )
        #expect(try writer.write(Self.second) { _ in } == 0)
        #expect(try tree.everything()["17000/1700000000.g3"] == nil)
    }

    @Test("a file that somebody else wrote is not touched")
    func foreign() throws {
        let tree = try G3TestTree()
        _ = try tree.write()
        let before = try tree.bytes("17000/1700000000.g3")
        let writer = G3TreeWriter(root: tree.root)
        #expect(throws: ArchiveError.self) {
            _ = try writer.write(1_700_000_000) { try $0(Self.rows(1)) }
        }
        #expect(try tree.bytes("17000/1700000000.g3") == before)
        #expect(try tree.everything().keys.allSatisfy { !$0.hasSuffix(".new") })
    }
}
