internal import ArchiveFormat
internal import Log
internal import Telemetry

/// What can be read of a damaged sealed file, and what is lost with it.
///
/// Reading it twice gives the same: once to write it, and once to compare what was written.
struct SealedSalvage {
    let path: String
    let sealed: SealedFile
    /// What is lost, in the order of the file.
    private(set) var lost: [LedgerEntry] = []
    /// The rows of records that could not be decoded when the file was made.
    private(set) var decoded: [RowCollector] = []
    /// The ledger and the unreadable records of the new file.
    private(set) var ledger: [LedgerEntry], unreadable: [(UnreadableRecord, payload: [UInt8])] = []
    /// Declarations among the records that can be decoded now.
    private var declared: [KeptDeclaration] = []

    /// Reads all of `sealed`, which is at `path` within its archive.
    ///
    /// `lost` is what no footer of it describes any more, and `declarations` are those that its
    /// unreadable records may follow.
    init(
        _ sealed: SealedFile,
        path: String,
        lost: [LedgerEntry],
        declarations: [KeptDeclaration]
    ) {
        self.path = path
        self.sealed = sealed
        ledger = sealed.footer.ledger
        self.lost = lost
        for timeline in sealed.footer.timelines {
            for group in timeline.groups { _ = rows(of: group, in: timeline, &self.lost) }
        }
        for timeline in sealed.footer.reduced {
            for group in timeline.groups { _ = rollups(of: group, in: timeline, &self.lost) }
        }
        var reader = KeptRecords(declarations)
        for record in sealed.footer.unreadable { take(record, &reader) }
        ledger += self.lost
        decoded = reader.collectors
        declared = reader.declared
    }

    /// Whether there is anything to gain from a new file.
    var isWorthwhile: Bool {
        !lost.isEmpty
            || unreadable.count < sealed.footer.unreadable.count
    }

    /// How many rows could be decoded that could not before.
    var decodedRows: Int { decoded.reduce(0) { $0 + $1.times.count } }

    /// The footer of the new file, as far as it is known before its columns.
    func footer(created: Timestamp) -> SealedFooter {
        let old = sealed.footer
        var footer = old
        footer.id = ArchiveDirectory.randomID()
        footer.created = created
        footer.sources = old.sources + [old.id]
        footer.timelines = []
        footer.reduced = []
        footer.ledger = ledger
        footer.unreadable = []
        footer.declarations += declared
        footer.damage += lost.map(\.cause)
        return footer
    }

    /// Writes all that is left.
    func write(to builder: inout SealedFileBuilder) throws {
        var told: [LedgerEntry] = []
        for timeline in sealed.footer.timelines {
            builder.begin(timeline.instance, feed: timeline.feed, epochs: timeline.epochs)
            for group in timeline.groups {
                guard let rows = rows(of: group, in: timeline, &told) else { continue }
                let delays = (group.shortestDelay, group.longestDelay)
                try builder.addGroup(times: rows.times, columns: rows.columns, delays: delays)
            }
        }
        for timeline in sealed.footer.reduced {
            let epochs = timeline.epochs
            builder.beginReduced(timeline.instance, feed: timeline.feed, epochs: epochs)
            for var group in timeline.groups {
                group.rollups = rollups(of: group, in: timeline, &told)
                try builder.copy(group) { try sealed.checkedBytes(of: $0, "a roll-up") }
            }
        }
        for collector in decoded { try collector.add(to: &builder) }
        for (record, payload) in unreadable {
            try payload.withUnsafeBytes { bytes in
                try builder.add(
                    unreadable: bytes,
                    instance: record.instance,
                    epoch: record.epoch,
                    position: record.position,
                    received: record.received,
                    reason: record.reason
                )
            }
        }
    }

    /// The first row in which `new` is not what ``write(to:)`` meant; nil if it is.
    func difference(to new: SealedFile) throws(ArchiveError) -> String? {
        let (old, now) = (sealed.footer, new.footer)
        guard now.ledger == ledger, now.sources == old.sources + [old.id],
            now.unreadable.map(\.position) == unreadable.map(\.0.position),
            now.cursors == old.cursors, now.cursorsBefore == old.cursorsBefore,
            now.instances == old.instances, now.timelines.count >= old.timelines.count
        else { return "its footer" }
        var told: [LedgerEntry] = []
        for (timeline, other) in zip(old.timelines, now.timelines) {
            let name = "\(timeline.instance).\(timeline.feed.name)"
            guard timeline.instance == other.instance, timeline.feed == other.feed else {
                return name
            }
            var groups = other.groups[...]
            for group in timeline.groups {
                guard let rows = rows(of: group, in: timeline, &told) else { continue }
                guard let copy = groups.popFirst(),
                    try new.hasRows(rows.times, rows.columns, in: copy, of: other)
                else { return "\(name) from \(group.first)" }
            }
            guard groups.isEmpty else { return name }
        }
        for (collector, timeline) in zip(
            decoded.filter { !$0.times.isEmpty },
            now.timelines[old.timelines.count...]
        ) {
            let rows = collector.sorted()
            let fields = Array(timeline.feed.fields.indices)
            let copy = try new.columns(timeline, fields: fields, range: .allOfTime)
            guard copy.timestamps.map(\.nanoseconds) == rows.times,
                zip(copy.columns, rows.columns).allSatisfy({ $0.isSame(as: $1) })
            else { return "\(timeline.instance).\(timeline.feed.name), decoded anew" }
        }
        return nil
    }

    /// The rows of a group as far as they can be read, what is lost of them entered in `lost`;
    /// nil if their times are.
    private func rows(
        of group: SealedGroup,
        in timeline: SealedTimeline,
        _ lost: inout [LedgerEntry]
    ) -> (times: [Int64], columns: [Column])? {
        let name = "\(timeline.instance).\(timeline.feed.name)"
        func enter(_ chunk: Chunk, _ subject: String) {
            lost.append(SealedFile.lostRow(chunk, of: subject, group, timeline, path: path))
        }
        guard let times = try? sealed.times(of: group, in: timeline) else {
            enter(group.times, "times of \(name)")
            return nil
        }
        let columns = zip(timeline.feed.fields, group.columns).map { field, column in
            let subject = "\(name).\(field.name)"
            let read = try? sealed.column(
                column.chunk,
                field.type,
                rows: group.rows,
                of: subject
            )
            if let read { return read }
            enter(column.chunk, subject)
            return Column.missing(field.type, rows: group.rows)
        }
        return (times, columns)
    }

    /// The roll-ups of a group without samples that can be read, what is lost entered in `lost`.
    private func rollups(
        of group: ReducedGroup,
        in timeline: ReducedTimeline,
        _ lost: inout [LedgerEntry]
    ) -> [SealedRollup] {
        let name = "\(timeline.instance).\(timeline.feed.name)"
        return group.rollups.filter { rollup in
            let subject = "the roll-up by \(rollup.tier.rawValue) of \(name)"
            for chunk in rollup.chunks
            where (try? sealed.checkedBytes(of: chunk, subject)) == nil {
                lost.append(
                    LedgerEntry(
                        instance: timeline.instance,
                        feed: timeline.feed.name,
                        from: group.first,
                        to: group.last + .nanoseconds(1),
                        count: Int64(group.rows),
                        cause: "damage: \(path): chunk at byte \(chunk.offset) of \(subject)"
                    )
                )
                return false
            }
            return true
        }
    }

    /// Decodes a record if that is possible now; else keeps it, or enters that it is lost.
    private mutating func take(_ record: UnreadableRecord, _ reader: inout KeptRecords) {
        let row = ledger.firstIndex { $0.isAbout(record) }
        guard let bytes = try? sealed.bytes(of: record.chunk),
            let payload = try? ChunkCodec.payload(bytes, record.chunk)
        else {
            if let row { ledger.remove(at: row) }
            lost.append(
                LedgerEntry(
                    instance: record.instance,
                    feed: nil,
                    from: record.received,
                    to: record.received,
                    count: 1,
                    cause: "damage: \(path): chunk at byte \(record.chunk.offset) of unreadable "
                        + "record \(record.position)",
                    epoch: record.epoch,
                    first: record.position
                )
            )
            return
        }
        if payload.withUnsafeBytes({ reader.take($0, record) }) {
            if let row { ledger.remove(at: row) }
        } else {
            unreadable.append((record, payload))
        }
    }
}

/// Decodes records that were kept as they came.
private struct KeptRecords {
    private struct Key: Hashable {
        let instance: String, epoch: Int64, revision: Int64
    }

    private var feeds: [Key: Feed] = [:]
    private(set) var collectors: [RowCollector] = []
    private(set) var declared: [KeptDeclaration] = []

    init(_ declarations: [KeptDeclaration]) {
        for kept in declarations {
            kept.frame.withUnsafeBytes { bytes in
                var scanner = FrameScanner(bytes)
                guard case .frame(_, let payload, _)? = scanner.next(),
                    let feed = try? Record.withRecord(in: payload, { try $0.declaration() })
                else { return }
                let key = Key(
                    instance: kept.instance,
                    epoch: kept.epoch,
                    revision: kept.revision
                )
                feeds[key] = feed
            }
        }
    }

    /// Takes in one record; returns whether it can be decoded.
    mutating func take(_ payload: UnsafeRawBufferPointer, _ kept: UnreadableRecord) -> Bool {
        (try? Record.withRecord(in: payload) { record in
            let key = Key(
                instance: kept.instance,
                epoch: kept.epoch,
                revision: record.header.revision
            )
            switch record.header.kind {
            case .declaration:
                feeds[key] = try record.declaration()
                var frame: [UInt8] = []
                Frame.append(payload, to: &frame)
                declared.append(
                    KeptDeclaration(
                        instance: kept.instance,
                        epoch: kept.epoch,
                        revision: record.header.revision,
                        frame: frame
                    )
                )
                return true
            case .data:
                guard let feed = feeds[key] else { return false }
                try append(record, of: feed, kept)
                return true
            case .end: return true
            // What a loss means depends on what the archive had then: its writer knew.
            case .loss, nil: return false
            }
        }) ?? false
    }

    private mutating func append(
        _ record: Record,
        of feed: Feed,
        _ kept: UnreadableRecord
    ) throws(RecordError) {
        let known = collectors.firstIndex { $0.instance == kept.instance && $0.feed == feed }
        let place = known ?? collectors.count
        let source = JournalFeed(instance: kept.instance, feed: feed, number: place)
        let rows = try record.rows(of: feed, types: source.types)
        if known == nil { collectors.append(RowCollector(instance: kept.instance, feed: feed)) }
        withExtendedLifetime(source) {
            collectors[place].append(
                JournalBlocks(
                    source: source,
                    epoch: kept.epoch,
                    position: kept.position,
                    published: record.header.published,
                    received: kept.received,
                    rows: rows
                )
            )
        }
    }
}

extension SealedRollup {
    /// All of its chunks.
    var chunks: [Chunk] {
        [starts] + [rows].compactMap(\.self)
            + columns.compactMap(\.self).flatMap { [$0.counts].compactMap(\.self) + $0.numbers }
    }
}

extension LedgerEntry {
    /// Whether it says that `record` could not be decoded.
    fileprivate func isAbout(_ record: UnreadableRecord) -> Bool {
        guard instance == record.instance, cause.hasPrefix("unreadable: ") else { return false }
        guard let first else {
            // Rows of earlier versions name no position.
            return from == record.received && cause == "unreadable: \(record.reason)"
        }
        return epoch == record.epoch && first == record.position
    }
}

extension SealedFile {
    /// Whether `group` holds just these rows.
    func hasRows(
        _ times: [Int64],
        _ columns: [Column],
        in group: SealedGroup,
        of timeline: SealedTimeline
    ) throws(ArchiveError) -> Bool {
        guard try self.times(of: group, in: timeline) == times else { return false }
        for (place, field) in timeline.feed.fields.enumerated() {
            let copy = try column(
                group.columns[place].chunk,
                field.type,
                rows: group.rows,
                of: field.name
            )
            guard copy.isSame(as: columns[place]) else { return false }
        }
        return true
    }
}

extension Column {
    /// A column of `rows` missing values.
    static func missing(_ type: FieldType, rows: Int) -> Column {
        var builder = ColumnBuilder(type)
        builder.appendMissing(rows)
        return builder.column
    }

    /// Whether each row has the same value, bit by bit, also where it is NaN.
    fileprivate func isSame(as other: Column) -> Bool {
        guard count == other.count, type == other.type,
            (0..<count).allSatisfy({ isPresent($0) == other.isPresent($0) })
        else { return false }
        guard case .doubles(let mine) = values, case .doubles(let others) = other.values else {
            return (0..<count).allSatisfy { value(at: $0) == other.value(at: $0) }
        }
        return (0..<count).allSatisfy {
            !isPresent($0) || mine[$0].bitPattern == others[$0].bitPattern
        }
    }
}
