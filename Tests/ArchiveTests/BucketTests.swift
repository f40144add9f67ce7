import CerroTesting
import Telemetry
import Testing

@testable import Archive

@Suite("Buckets tell the truth about their samples")
struct BucketTests {
    @Test("the grid covers the range without holes, in at most so many buckets", arguments: 1...100)
    func grid(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let start = Int64.random(in: 0...7_000_000_000_000_000_000, using: &random)
        let most = Timestamp.publishable.upperBound.nanoseconds - start
        let length = Int64.random(in: 1...[1, 10, 1000, most][Int(seed % 4)], using: &random)
        let range = Timestamp(nanoseconds: start)..<Timestamp(nanoseconds: start + length)
        let count = Int.random(in: 1...1000, using: &random)
        let grid = BucketGrid(range, count: count)
        var buckets = 0
        var next = range.lowerBound
        while next < range.upperBound {
            #expect(grid.bucket(at: next.nanoseconds) == buckets, "seed \(seed)")
            guard buckets < grid.count else { break }
            #expect(grid[buckets].lowerBound == next, "seed \(seed)")
            next = grid[buckets].upperBound
            buckets += 1
        }
        #expect(grid.count <= count, "seed \(seed)")
        #expect(next == range.upperBound && buckets == grid.count, "seed \(seed)")
    }

    @Test("a window that moves along keeps its inner buckets")
    func moves() {
        let here = BucketGrid(start..<start + .seconds(3600), count: 100)
        let later = BucketGrid(start + .seconds(7)..<start + .seconds(3607), count: 100)
        let instant = (start + .seconds(1000)).nanoseconds
        let found = [here, later].map { grid in grid.bucket(at: instant).map { grid[$0] } }
        #expect(found[0] != nil && found[0] == found[1])
    }

    @Test("given edges stay, and what lies between equal ones holds nothing", arguments: 1...20)
    func givenEdges(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let edges =
            (0..<Int.random(in: 2...40, using: &random))
            .map { _ in Int64.random(in: 0...50, using: &random) }.sorted() + [51]
        var grid = BucketGrid(edges: edges.map(Timestamp.init(nanoseconds:)))
        #expect(grid.count == edges.count - 1)
        for instant in -1...60 as ClosedRange<Int64> {
            let expected = edges.indices.dropLast().first {
                edges[$0] <= instant && instant < edges[$0 + 1]
            }
            #expect(grid.bucket(at: instant) == expected, "seed \(seed), \(edges), \(instant)")
            #expect(grid.moveEdge(outOf: instant, instant + 1) == nil)
        }
    }

    @Test("an edge moves to the nearer end of what lies across it, and never makes a bucket empty")
    func moving() {
        let second: Int64 = 1_000_000_000
        func grid() -> BucketGrid {
            BucketGrid(Timestamp(seconds: 0)..<Timestamp(seconds: 40), count: 5)
        }
        var near = grid()
        #expect(near.width == 10 * second)
        #expect(near.moveEdge(outOf: 9 * second, 15 * second) == 1)
        #expect(near[0].upperBound == Timestamp(seconds: 9))
        #expect(near[1] == Timestamp(seconds: 9)..<Timestamp(seconds: 20))
        #expect(near.bucket(at: 9 * second) == 1 && near.bucket(at: 9 * second - 1) == 0)
        var far = grid()
        #expect(far.moveEdge(outOf: 12 * second, 20 * second) == 1)
        #expect(far[1].upperBound == Timestamp(nanoseconds: 20 * second + 1))
        #expect(far.bucket(at: 20 * second) == 1)
        var none = grid()
        // Within one bucket, across two edges, longer than a bucket, beyond the range.
        #expect(none.moveEdge(outOf: 11 * second, 19 * second) == nil)
        #expect(none.moveEdge(outOf: 9 * second, 20 * second) == nil)
        #expect(none.moveEdge(outOf: -1, 3 * second) == nil)
        #expect(none.moveEdge(outOf: 35 * second, 40 * second) == nil)
        // Nearer to its end, behind which the last bucket would have no time left.
        var tail = BucketGrid(Timestamp(nanoseconds: 0)..<Timestamp(nanoseconds: 21), count: 5)
        #expect(tail.width == 6 && tail.moveEdge(outOf: 15, 20) == 3)
        #expect(tail[3] == Timestamp(nanoseconds: 15)..<Timestamp(nanoseconds: 21))
    }

    @Test("integers stay integers, truth values and texts say what they can")
    func types() throws {
        let columns: [Column] = [
            .ints([.max, 3, .max - 1, 5]), .bools([true, true, false, true]),
            .strings(["warm", "cold", nil, "off"]),
        ]
        let feed = Feed("b", fields: [Field("n", .int), Field("ok", .bool), Field("s", .string)])
        let grid = BucketGrid(Timestamp(seconds: 0)..<Timestamp(seconds: 4), count: 1)
        var reduction = BucketReduction(grid, fields: ["n", "ok", "s"])
        let declared = reduction.declare(feed)
        let times = (0..<4).map { Int64($0) * 1_000_000_000 }
        let stretches = reduction.stretches(times, times.indices)
        reduction.note(declared, .raw, arrival: 0, from: times[0], to: times[3])
        for (index, column) in columns.enumerated() {
            reduction.add(column, index, declared, times, stretches, arrival: 0)
        }
        let found = reduction.gathered(revision: 0).columns.compactMap(\.self)
        #expect(found.map(\.min) == [.ints([3]), .bools([false]), .strings([nil])])
        #expect(found.map(\.max) == [.ints([.max]), .bools([true]), .strings([nil])])
        #expect(found[1].mean == .doubles([0.75]))
        #expect(found[2].mean == .doubles([nil]))
        #expect(found[2].first == .strings(["warm"]) && found[2].last == .strings(["off"]))
        #expect(found.map(\.count) == [[4], [4], [3]])
    }
}
