import ArchiveFormat
import Log
import Telemetry

@testable import Archive

/// A record that an archive holds.
struct HeldRecord: Hashable {
    let instance: String, position: Int64
}

/// What is in an archive by its files alone, read as any reader has to.
struct ArchiveContents {
    /// How often each value of the field `position` of the feed `positions` is there.
    var records: [HeldRecord: Int] = [:]
    /// The ledger, each row as often as it is there.
    var rows: [LedgerEntry] = []
    /// The ledger.
    var ledger: Set<LedgerEntry> { Set(rows) }

    init(_ directory: ArchiveDirectory) throws {
        let files = try directory.files()
        let all = try files.filter { $0.kind == .sealed }.map {
            try SealedFile.open(directory.full($0), disk: directory.disk)
        }
        let sources = Set(all.flatMap(\.footer.sources))
        for sealed in all where !sources.contains(sealed.footer.id) {
            rows += sealed.footer.ledger
            for timeline in sealed.footer.timelines where timeline.feed.name == "positions" {
                let all = Timestamp(nanoseconds: .min)..<Timestamp(nanoseconds: .max)
                let rows = try sealed.columns(timeline, fields: [0], range: all)
                count(rows.columns[0], timeline.instance)
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
            rows += segment.ledger
            for timeline in segment.timelines.values where timeline.feed.name == "positions" {
                count(try timeline.rows().columns[0], timeline.instance)
            }
        }
    }

    private mutating func count(_ column: Column, _ instance: String) {
        guard case .ints(let positions) = column.values else { return }
        for position in positions {
            records[HeldRecord(instance: instance, position: position), default: 0] += 1
        }
    }
}
