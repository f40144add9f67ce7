internal import Archive
internal import ArchiveFormat
internal import Telemetry

/// What the bytes of sealed files are spent on.
struct SealedSize {
    /// All bytes, and the rows that they hold.
    private(set) var byteCount = 0, rows = 0
    /// Bytes of the chunks of times, of roll-ups, and of each field.
    private var times = 0, rollups = 0, fields: [String: Int] = [:]
    private var rollupsOfField: [String: Int] = [:]

    /// Adds up what the footers of the files `paths` say.
    init(of paths: [String]) throws {
        for path in paths {
            let file = try SealedFile.open(path)
            byteCount += file.byteCount
            for timeline in file.footer.timelines { add(timeline) }
        }
    }

    private mutating func add(_ timeline: SealedTimeline) {
        rows += timeline.rows
        for group in timeline.groups {
            times += group.times.byteCount
            for (field, column) in zip(timeline.feed.fields, group.columns) {
                fields[field.name, default: 0] += column.chunk.byteCount
            }
            for rollup in group.rollups {
                rollups += rollup.starts.byteCount + (rollup.rows?.byteCount ?? 0)
                for (field, column) in zip(timeline.feed.fields, rollup.columns) {
                    let counts = column?.counts?.byteCount ?? 0
                    let bytes = column?.numbers.reduce(counts) { $0 + $1.byteCount } ?? 0
                    rollups += bytes
                    rollupsOfField[field.name, default: 0] += bytes
                }
            }
        }
    }

    /// Bytes a value, in all, and what they are spent on: of a field, bytes of its chunks and of
    /// its roll-ups for each of its own values.
    func report(_ set: SampleSet, values: Int) -> BenchReport {
        let count = Double(max(values, 1))
        let rows = Double(max(rows, 1))
        var details = [
            "times": Double(times) / count, "roll-ups": Double(rollups) / count,
            "footers": Double(byteCount - times - rollups - fields.values.reduce(0, +)) / count,
        ]
        for (name, bytes) in fields { details["field \(name)"] = Double(bytes) / rows }
        for (name, bytes) in rollupsOfField {
            details["field \(name), roll-ups"] = Double(bytes) / rows
        }
        return BenchReport(
            name: "size of \(set.look), sealed",
            samples: [Double(byteCount) / count],
            unit: "bytes/value",
            isRate: false,
            floors: [],
            details: details
        )
    }
}
