import ArchiveFormat
import CerroTesting
import Log
import Telemetry

@testable import Archive

/// What is in an archive by its files alone, read as any reader has to.
struct ArchiveReading {
    /// A row of a feed: its number and what stands beside it.
    struct Row: Hashable {
        let instance: String, feed: String
        let number: Int64
        let time: Int64
        let value: Column.Values
    }

    var rows: [Row] = []
    var ledger: Set<LedgerEntry> = []

    init(_ directory: ArchiveDirectory) throws {
        let files = try directory.files()
        var sources: Set<String> = []
        for file in files where file.kind == .sealed {
            // A file that is damaged is missing as a whole; its rows are then looked for.
            let sealed = try SealedFile.open(directory.full(file), disk: directory.disk)
            sources.formUnion(sealed.footer.sources)
            ledger.formUnion(sealed.footer.ledger)
            for timeline in sealed.footer.timelines {
                let all = Timestamp(nanoseconds: .min)..<Timestamp(nanoseconds: .max)
                let read = try sealed.columns(timeline, fields: [0, 1], range: all)
                add(
                    read.columns,
                    read.timestamps.map(\.nanoseconds),
                    timeline.instance,
                    timeline.feed.name
                )
            }
        }
        var open: [OpenSegment] = []
        for file in files where file.kind == .journal && !sources.contains(file.id) {
            let follower = JournalFollower(try directory.disk.open(directory.full(file), .read))
            var segment = OpenSegment(file: file, follower: follower)
            try follower.read(isClosed: true) {
                segment.note($0)
            } others: {
                segment.note($0)
            }
            if let cursors = segment.openedWith, !open.isEmpty {
                try open[open.count - 1].cut(at: cursors)
            }
            open.append(segment)
        }
        for segment in open {
            ledger.formUnion(segment.ledger)
            for timeline in segment.timelines.values {
                let rows = try timeline.rows()
                add(rows.columns, rows.times, timeline.instance, timeline.feed.name)
            }
        }
    }

    private mutating func add(
        _ columns: [Column],
        _ times: [Int64],
        _ instance: String,
        _ feed: String
    ) {
        guard case .ints(let numbers) = columns[0].values else { return }
        for (index, number) in numbers.enumerated() {
            rows.append(
                Row(
                    instance: instance,
                    feed: feed,
                    number: number,
                    time: times[index],
                    value: columns[1].rows([index]).values
                )
            )
        }
    }
}
