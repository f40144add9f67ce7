internal import ArchiveFormat
internal import Telemetry

/// What the files of an archive say of the same records, to be compared with each other.
///
/// A sealed file no longer tells the positions of its rows; journals do. So records are compared
/// with the ledger where they stand in a journal, and rows of the ledger with each other anywhere.
struct VerifiedAccounts {
    struct Row {
        let file: ArchiveFile, entry: LedgerEntry
    }

    private struct Segment {
        let file: ArchiveFile
        var opening: [Cursor]?
        var records: [CursorTable.Key: [Range<Int64>]] = [:]
        var rows: [LedgerEntry] = []
    }

    private let archive: String?
    private var segments: [Segment] = []
    private(set) var sealed: [(file: ArchiveFile, footer: SealedFooter)] = []
    /// Sealed files of which something is lost: an index may know more of them.
    private(set) var cut: Set<ArchiveFile> = []

    /// `archive` is the id that the archive has; nil where it is not known.
    init(archive: String?) {
        self.archive = archive
    }

    mutating func note(_ sealed: SealedFile, _ file: ArchiveFile) {
        self.sealed.append((file, sealed.footer))
        if !sealed.lost.isEmpty { cut.insert(file) }
    }

    /// Begins with a segment of the journal, whose events follow.
    mutating func begin(_ file: ArchiveFile) {
        segments.append(Segment(file: file))
    }

    mutating func note(_ record: JournalBlocks) {
        guard var segment = segments.popLast() else { return }
        defer { segments.append(segment) }
        let key = CursorTable.Key(instance: record.instance, epoch: record.epoch)
        let position = record.position
        if let last = segment.records[key]?.last, last.upperBound == position {
            let place = (segment.records[key]?.count ?? 1) - 1
            segment.records[key]?[place] = last.lowerBound..<(position + 1)
        } else {
            segment.records[key, default: []].append(position..<(position + 1))
        }
    }

    mutating func note(_ event: JournalEvent) {
        guard var segment = segments.popLast() else { return }
        defer { segments.append(segment) }
        switch event {
        case .opening(_, _, _, let cursors):
            if segment.opening == nil { segment.opening = cursors }
        case .ledger(let entry): segment.rows.append(entry)
        case .unreadable(let instance, let epoch, let position, let received, let reason, _):
            segment.rows.append(
                LedgerEntry(
                    unreadable: reason,
                    instance: instance,
                    epoch: epoch,
                    position: position,
                    received: received
                )
            )
        case .declaration, .progress, .damage: break
        }
    }

    /// The files that have the samples of one segment twice, a line each.
    ///
    /// `owners` are those that were made from each segment or file; one that another was made
    /// from does not count.
    func doubled(_ owners: [String: [ArchiveFile]]) -> [String] {
        let replaced = Set(sealed.filter { owners[$0.footer.id] != nil }.map(\.file))
        return owners.compactMap { source, files -> String? in
            let counted = files.filter { !replaced.contains($0) }.sorted()
            guard counted.count > 1 else { return nil }
            return "\(counted[1].path): made from segment \(source), and so is "
                + "\(counted[0].path): each of its samples is there twice; move one of them away"
        }.sorted()
    }

    /// What does not fit, a line each.
    ///
    /// `replaced` are the segments and files that a sealed file was made from: they do not count.
    func problems(replaced: Set<String>) -> [String] {
        let counted = segments.filter { !replaced.contains($0.file.id) }
        var rows = sealed.filter { !replaced.contains($0.footer.id) }.flatMap { file, footer in
            footer.ledger.map { Row(file: file, entry: $0) }
        }
        var records: [(file: ArchiveFile, key: CursorTable.Key, positions: Range<Int64>)] = []
        for segment in counted {
            // What the next one opens with is where this one ends: the rest stands there again.
            let limit = opening(behind: segment.file).map { CursorTable($0) }
            rows += segment.rows.filter { limit?.covers($0) ?? true }
                .map { Row(file: segment.file, entry: $0) }
            for (key, ranges) in segment.records {
                let last = limit.map { $0.entries[key]?.position ?? 0 } ?? .max
                for range in ranges where range.lowerBound <= last {
                    let end = last == .max ? range.upperBound : min(range.upperBound, last + 1)
                    records.append((segment.file, key, range.lowerBound..<end))
                }
            }
        }
        return foreign() + doubled(rows) + contradicted(rows, records)
    }

    private func opening(behind file: ArchiveFile) -> [Cursor]? {
        let journal = segments.first { $0.file > file && $0.opening != nil }
        let sealed = sealed.first {
            $0.file.stem != file.stem && $0.file > file && $0.footer.isOfJournal
        }
        if let sealed, journal.map({ sealed.file < $0.file }) ?? true {
            return sealed.footer.cursorsBefore
        }
        return journal?.opening
    }

    /// Files of another archive.
    private func foreign() -> [String] {
        guard let archive else { return [] }
        return sealed.filter { $0.footer.archive != archive }.map {
            "\($0.file.path): made by archive \($0.footer.archive), and this one is \(archive): "
                + "its samples are answered as if they were from here; move it away if they are not"
        }
    }

    /// Records that two rows of the ledger name.
    private func doubled(_ rows: [Row]) -> [String] {
        let named = rows.filter { $0.entry.kind == .missing && $0.entry.positions != nil }
        let groups = Dictionary(grouping: named) {
            CursorTable.Key(instance: $0.entry.instance, epoch: $0.entry.epoch ?? 0)
        }
        var lines: [String] = []
        for (key, rows) in groups {
            let sorted = rows.sorted { ($0.entry.first ?? 0) < ($1.entry.first ?? 0) }
            var widest = sorted[0]
            for row in sorted.dropFirst() {
                guard let mine = row.entry.positions, let other = widest.entry.positions else {
                    continue
                }
                if mine.lowerBound < other.upperBound {
                    let both = mine.lowerBound..<min(mine.upperBound, other.upperBound)
                    lines.append(
                        "\(row.file.path): \(Self.text(both, key)) missing twice: "
                            + "`\(row.entry.cause)`, and `\(widest.entry.cause)` in "
                            + "\(widest.file.path): nothing more is lost, but they are counted "
                            + "twice; keep both files and report this as a fault of Cerro"
                    )
                }
                if mine.upperBound > other.upperBound { widest = row }
            }
        }
        return lines.sorted()
    }

    /// Records that are there, and that a row of the ledger calls missing.
    private func contradicted(
        _ rows: [Row],
        _ records: [(file: ArchiveFile, key: CursorTable.Key, positions: Range<Int64>)]
    ) -> [String] {
        let there = Dictionary(grouping: records, by: \.key)
        return rows.flatMap { row -> [String] in
            guard row.entry.kind == .missing, let missing = row.entry.positions else { return [] }
            let key = CursorTable.Key(instance: row.entry.instance, epoch: row.entry.epoch ?? 0)
            return (there[key] ?? []).filter { $0.positions.overlaps(missing) }.map { record in
                "\(row.file.path): \(Self.text(record.positions.clamped(to: missing), key)) called "
                    + "missing (`\(row.entry.cause)`), and there in \(record.file.path): nothing "
                    + "is lost; keep both files and report this as a fault of Cerro"
            }
        }
    }

    private static func text(_ positions: Range<Int64>, _ key: CursorTable.Key) -> String {
        let whose = "of epoch \(key.epoch) of \(key.instance)"
        return positions.count == 1
            ? "record \(positions.lowerBound) \(whose) is"
            : "records \(positions.lowerBound)-\(positions.upperBound - 1) \(whose) are"
    }
}
