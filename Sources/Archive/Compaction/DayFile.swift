internal import ArchiveFormat
internal import Log
internal import Telemetry

/// One new file of a day: written beside, compared, put in place; then its sources go.
struct DayFile {
    let directory: ArchiveDirectory
    let day: String
    let plan: DayPlan
    /// The name that it will have.
    let file: ArchiveFile
    let now: Timestamp

    /// The ending of a file that is being written; one that is found there is debris.
    static let ending = ".compacting"

    private var folder: String { "\(directory.path)/\(day)" }
    private var beside: String { "\(folder)/.\(file.stem)\(Self.ending)" }

    /// Writes the file beside its place, reads it back and compares it; returns what it says.
    ///
    /// A file that cannot be finished is deleted: a full disk gets its space back.
    func write(check: () throws -> Void) throws -> SealedFooter {
        do {
            let output = BufferedFile(try directory.disk.open(beside, .create))
            let builder = try SealedFileBuilder(footer) { try output.write($0) }
            var writer = DayWriter(builder: builder)
            let removed = try plan.give(to: &writer, check: check)
            try addUnreadable(to: &writer.builder)
            writer.builder.footer.add(removed: removed)
            let footer = try writer.builder.finish()
            try output.finish()
            try compare(footer, removed, check: check)
            return footer
        } catch {
            try? directory.disk.removeIfThere(beside)
            throw error
        }
    }

    /// Puts the file in its place; from then on its sources do not count.
    func putInPlace() throws(DiskError) {
        try directory.disk.rename(beside, to: directory.full(file))
        try directory.disk.syncFolder(folder)
    }

    /// Deletes what was written beside.
    func giveUp() {
        try? directory.disk.removeIfThere(beside)
    }

    private var footer: SealedFooter {
        let footers = plan.sources.map(\.footer)
        let first = footers[0]
        var footer = SealedFooter(
            id: ArchiveDirectory.randomID(),
            archive: first.archive,
            created: now,
            sources: footers.flatMap { $0.sources + [$0.id] },
            receivedFrom: footers.map(\.receivedFrom).min() ?? first.receivedFrom,
            receivedTo: footers.map(\.receivedTo).max() ?? first.receivedTo
        )
        footer.cursorsBefore = first.cursorsBefore
        // Of a finished epoch the newest table may know no more.
        var cursors = CursorTable()
        for cursor in footers.flatMap(\.cursors) { cursors.merge(cursor) }
        footer.cursors = cursors.cursors
        footer.instances = Set(footers.flatMap(\.instances)).sorted()
        footer.ledger = footers.flatMap(\.ledger)
        footer.declarations = Self.declarations(footers)
        footer.damage = footers.flatMap(\.damage)
        return footer
    }

    /// Those in force at the end; where records could not be decoded, all that these may follow.
    private static func declarations(_ footers: [SealedFooter]) -> [KeptDeclaration] {
        let last = footers[footers.count - 1].declarations
        guard footers.contains(where: { !$0.unreadable.isEmpty }) else { return last }
        var all: [KeptDeclaration] = []
        var seen: Set<KeptDeclaration> = []
        for kept in footers.flatMap(\.declarations) where seen.insert(kept).inserted {
            all.append(kept)
        }
        return all
    }

    private func addUnreadable(to builder: inout SealedFileBuilder) throws {
        for source in plan.sources {
            for record in source.footer.unreadable {
                try source.payload(of: record).withUnsafeBytes { payload in
                    try builder.add(
                        unreadable: payload,
                        instance: record.instance,
                        epoch: record.epoch,
                        position: record.position,
                        received: record.received,
                        reason: record.reason
                    )
                }
            }
        }
    }

    private func compare(
        _ footer: SealedFooter,
        _ removed: [LedgerEntry],
        check: () throws -> Void
    ) throws {
        let new = try SealedFile.open(beside, disk: directory.disk)
        var checker = DayChecker(new)
        let again = try plan.give(to: &checker, check: check)
        var flaws = checker.flaws
        if again != removed || new.footer.ledger != footer.ledger
            || new.footer.sources != footer.sources || new.footer.id != footer.id
            || new.footer.instances != footer.instances
        {
            flaws.append("its footer")
        }
        let records = plan.sources.flatMap { source in
            source.footer.unreadable.map { (source, $0) }
        }
        if records.count != new.footer.unreadable.count { flaws.append("its unreadable records") }
        for ((source, old), record) in zip(records, new.footer.unreadable)
        where try source.payload(of: old) != new.payload(of: record) {
            flaws.append("unreadable record \(record.position) of \(record.instance)")
        }
        _ = ArchiveTool.check(new, file.path, &flaws)
        guard let flaw = flaws.first else { return }
        throw ArchiveError.journal(
            "\(file.path): the compacted file reads back wrong: \(flaw); its sources are as they "
                + "were: look at the disk, and see what `cerro archive verify` says of them"
        )
    }
}

extension SealedFile {
    /// The payload of a record that could not be decoded.
    fileprivate func payload(of record: UnreadableRecord) throws -> [UInt8] {
        let subject = "unreadable record \(record.position) of \(record.instance)"
        let bytes = try checkedBytes(of: record.chunk, subject)
        return try ChunkCodec.payload(bytes, record.chunk)
    }
}

extension SealedFooter {
    /// Enters what retention removed; what is gone for good is not said to be reduced any more.
    fileprivate mutating func add(removed: [LedgerEntry]) {
        let gone = removed.filter { $0.cause == RemovedIntervals.removedCause }
        ledger.removeAll { old in
            old.kind == .retention
                && gone.contains {
                    $0.instance == old.instance && $0.feed == old.feed && $0.from <= old.from
                        && $0.to >= old.to
                }
        }
        ledger += removed
    }
}
