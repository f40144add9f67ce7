import ArchiveFormat
import CerroTesting
import Log
import Telemetry
import Testing

@testable import Archive

// Goal: a group that is read straight into its place in the answer gives what it would give if its
// times had been looked at before.
// Method: a small archive whose every row is known, asked for all kinds of ranges, and groups whose
// footers do not say the truth.
@Suite("encoded rows are read into their places")
struct SlicePlacingTests {
    private static let fields = SmallArchive.mixed.fields.map(\.name)

    /// The rows of the feed `mixed`, oldest first, as they were written.
    private static let rows = (0..<SmallArchive.segments * SmallArchive.rows).map { row in
        // Behind the two declarations, and every other one is of the other feed.
        let position = Int64(2 * row + 3)
        return (
            time: start
                + .seconds(row / SmallArchive.rows * 60 + row % SmallArchive.rows),
            values: [
                Value.int(position), .double(Double(position) / 8), .string("p\(position)"),
                .bool(position % 4 == 0),
            ]
        )
    }

    @Test("every range and limit, across three sealed files and an open segment")
    func ranges() throws {
        let archive = try SmallArchive()
        let store = try archive.rig.store()
        let edges = [-1, 0, 1, 29, 30, 60, 75, 90, 120, 149, 150, 180, 195, 210, 500]
        for from in edges {
            for to in edges where to >= from {
                for limit in [0, 1, 30, 31, 45, 90, Int.max] {
                    let range = (start + .seconds(from))..<(start + .seconds(to))
                    let slice = try store.timeline(
                        instance: "alpha",
                        feed: "mixed",
                        fields: Self.fields,
                        range: range,
                        limit: limit
                    )
                    let all = Self.rows.filter { range.contains($0.time) }
                    #expect(slice.timestamps == all.prefix(limit).map(\.time))
                    #expect(slice.leftOut == all.count - min(limit, all.count))
                    for (index, column) in slice.columns.enumerated() {
                        let values = (0..<column.count).map { column.value(at: $0) }
                        #expect(values == all.prefix(limit).map { $0.values[index] })
                        #expect(column.presence == nil)
                    }
                }
            }
        }
    }

    @Test("a field that nobody declared is missing, and does not keep the others")
    func undeclared() throws {
        let archive = try SmallArchive()
        let slice = try archive.rig.store().timeline(
            instance: "alpha",
            feed: "mixed",
            fields: ["nothing", "x"],
            range: .allOfTime
        )
        #expect(slice.fields.map(\.?.name) == [nil, "x"])
        #expect(slice.columns[0].presence == Array(repeating: false, count: Self.rows.count))
        #expect(
            (0..<slice.columns[1].count).map(slice.columns[1].value) == Self.rows.map(\.values[1])
        )
    }

    /// The groups of the sealed files, changed, as one timeline.
    private func slice(
        _ change: (inout [SealedGroup]) -> Void
    ) throws -> (slice: TimelineSlice, gaps: [LedgerEntry]) {
        let archive = try SmallArchive()
        let store = try archive.rig.store()
        let files = try archive.sealed()
        let opened = try files.map { try archive.open($0) }
        let timelines = try opened.map { file in
            try #require(file.footer.timelines.first { $0.feed.name == "mixed" })
        }
        var groups = timelines.map { $0.groups[0] }
        change(&groups)
        let sources = groups.indices.map { index in
            // Those beyond the files are groups that stand in the first one.
            let place = index < files.count ? index : 0
            return RowSource.group(
                groups[index],
                timelines[place],
                opened[place],
                path: files[place].path
            )
        }
        let slice = try TimelineSlice(
            try store.pieces(sources, Self.fields, .allOfTime),
            fields: Self.fields.count,
            limit: .max,
            revision: 0
        )
        return (slice, try store.gaps(in: .allOfTime))
    }

    @Test(
        "a group whose footer names other times than it has is sorted in by those that it has",
        arguments: 0..<3,
        [-3600, -1, 1, 3600]
    )
    func untrueFooter(place: Int, seconds: Int) throws {
        let rows = Self.rows.prefix(3 * SmallArchive.rows)
        for isFirst in [true, false] {
            let (slice, gaps) = try slice { groups in
                if isFirst {
                    groups[place].first = groups[place].first + .seconds(seconds)
                } else {
                    groups[place].last = groups[place].last + .seconds(seconds)
                }
            }
            #expect(slice.timestamps == rows.map(\.time))
            for (index, column) in slice.columns.enumerated() {
                #expect((0..<column.count).map(column.value) == rows.map { $0.values[index] })
            }
            #expect(gaps.isEmpty)
        }
    }

    @Test("groups that lie over each other stand row by row, equal times in order of arrival")
    func overlapping() throws {
        let (slice, _) = try slice { $0.append($0[0]) }
        let rows = Self.rows.prefix(3 * SmallArchive.rows)
        let twice = rows.flatMap { row in
            Array(repeating: row, count: row.time < start + .seconds(60) ? 2 : 1)
        }
        #expect(slice.timestamps == twice.map(\.time))
        for (index, column) in slice.columns.enumerated() {
            #expect((0..<column.count).map(column.value) == twice.map { $0.values[index] })
        }
    }

    @Test("times that make no column cost their rows alone, and are told", arguments: 0..<3)
    func noTimes(place: Int) throws {
        let (slice, gaps) = try slice { groups in
            // Texts, whose checksum is right.
            groups[place].times = groups[place].columns[2].chunk
        }
        let rows = Self.rows.prefix(3 * SmallArchive.rows).enumerated()
            .filter { $0.offset / SmallArchive.rows != place }.map(\.element)
        #expect(slice.timestamps == rows.map(\.time))
        for (index, column) in slice.columns.enumerated() {
            #expect((0..<column.count).map(column.value) == rows.map { $0.values[index] })
        }
        #expect(gaps.map(\.count) == [30])
        #expect(gaps.allSatisfy { $0.cause.contains("of times of alpha.mixed") })
    }

    @Test("values that make no column are missing in their group alone", arguments: 0..<4)
    func noValues(field: Int) throws {
        let (slice, gaps) = try slice { groups in
            // What is packed otherwise, or in another number, and has a right checksum.
            groups[1].columns[field].chunk = groups[1].columns[(field + 2) % 4].chunk
        }
        let rows = Self.rows.prefix(3 * SmallArchive.rows)
        #expect(slice.timestamps == rows.map(\.time))
        for (index, column) in slice.columns.enumerated() {
            for (row, expected) in rows.enumerated() {
                let isLost = index == field && row / SmallArchive.rows == 1
                #expect(column.value(at: row) == (isLost ? .null : expected.values[index]))
            }
        }
        #expect(gaps.count == 1)
    }
}
