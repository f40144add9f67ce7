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

    /// Rows of sealed files that cannot be read: of a feed in a range of time, or of a whole file.
    struct Damage {
        let timeline: (instance: String, feed: String)?
        let times: ClosedRange<Int64>

        func isAbout(_ instance: String, _ feed: String, _ time: Int64) -> Bool {
            guard let timeline else { return true }
            return timeline == (instance, feed) && times.contains(time)
        }
    }

    var rows: [Row] = []
    var ledger: Set<LedgerEntry> = []
    var damage: [Damage] = []
    private var sources: Set<String> = []
    private var open: [OpenSegment] = []

    init() {}

    init(_ directory: ArchiveDirectory) throws {
        let files = try directory.files()
        for file in files where file.kind == .sealed { try add(file, directory) }
        for file in files where file.kind == .journal && !sources.contains(file.id) {
            try follow(file, directory)
        }
        try addOpen()
    }

    /// Takes in one file, whatever the others say of it.
    mutating func add(_ file: ArchiveFile, _ directory: ArchiveDirectory) throws {
        switch file.kind {
        case .sealed: try addSealed(file, directory)
        case .journal:
            try follow(file, directory)
            try addOpen()
        }
    }

    private mutating func addSealed(_ file: ArchiveFile, _ directory: ArchiveDirectory) throws {
        let sealed: SealedFile
        do {
            sealed = try SealedFile.open(directory.full(file), disk: directory.disk)
        } catch ArchiveError.sealedFile {
            damage.append(Damage(timeline: nil, times: .min ... .max))
            return
        }
        sources.formUnion(sealed.footer.sources)
        ledger.formUnion(sealed.footer.ledger)
        for timeline in sealed.footer.timelines {
            let name = (timeline.instance, timeline.feed.name)
            for group in timeline.groups {
                do throws(ArchiveError) {
                    let times = try sealed.times(of: group, in: timeline)
                    var columns: [Column] = []
                    for (column, field) in zip(group.columns, timeline.feed.fields) {
                        let (rows, chunk) = (group.rows, column.chunk)
                        columns.append(try sealed.column(chunk, field.type, rows: rows, of: ""))
                    }
                    add(columns, times, name.0, name.1)
                } catch {
                    guard case .chunk = error else { throw error }
                    let times = group.first.nanoseconds...group.last.nanoseconds
                    damage.append(Damage(timeline: name, times: times))
                }
            }
        }
    }

    private mutating func follow(_ file: ArchiveFile, _ directory: ArchiveDirectory) throws {
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

    private mutating func addOpen() throws {
        for segment in open {
            ledger.formUnion(segment.ledger)
            for timeline in segment.timelines.values {
                let rows = try timeline.rows()
                add(rows.columns, rows.times, timeline.instance, timeline.feed.name)
            }
        }
        open = []
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
