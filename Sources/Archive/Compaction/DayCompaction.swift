internal import ArchiveFormat
internal import Log
internal import Telemetry

/// The compaction of one day: first of some files each, where they are many, then of these.
struct DayCompaction {
    private struct Source {
        let file: ArchiveFile, sealed: SealedFile
    }

    private let compactor: Compactor
    private let day: String
    private let limits: CompactionLimits
    private let now: Timestamp

    init(_ compactor: Compactor, _ day: String, _ limits: CompactionLimits, now: Timestamp) {
        self.compactor = compactor
        self.day = day
        self.limits = limits
        self.now = now
    }

    private var directory: ArchiveDirectory { compactor.directory }
    private var folder: String { "\(directory.path)/\(day)" }

    func run(_ isDryRun: Bool, _ mayGoOn: () -> Bool) throws -> CompactedDay {
        let files = try directory.files(days: [day])
        let journals = files.count { $0.kind == .journal }
        guard journals == 0 else {
            let what = journals == 1 ? "1 segment is" : "\(journals) segments are"
            return CompactedDay(day: day, outcome: .waits("\(what) not sealed yet"))
        }
        if !isDryRun { try removeDebris() }
        var sources = try counted(files, deletes: !isDryRun)
        var report = CompactedDay(day: day, outcome: .asItWas)
        report.bytesBefore = sources.reduce(0) { $0 + $1.sealed.byteCount }
        report.bytesAfter = report.bytesBefore
        let retention = try compactor.retention(of: day)
        let isDue = sources.contains { retention.changes($0.sealed.footer) }
        guard sources.count > 1 || isDue else { return report }
        try refuseMixture(sources)
        if isDryRun { return report.with(.wouldBeCompacted(sources: sources.count)) }
        let count = sources.count
        var batches = batches(sources)
        while batches.count > 1, batches.count < sources.count {
            sources = try batches.map { batch in
                guard batch.count > 1 else { return batch[0] }
                return try merge(batch, .none, mayGoOn).source
            }
            batches = self.batches(sources)
        }
        guard batches.count == 1 else {
            throw ArchiveError.journal(
                "\(day): its \(sources.count) files have more columns than fit the memory of a "
                    + "compaction: they stay as they are"
            )
        }
        let merged = try merge(sources, retention, mayGoOn)
        report.bytesAfter = merged.source.sealed.byteCount
        report.removed = merged.removed
        return report.with(.compacted(file: merged.source.file.path, sources: count))
    }

    /// Deletes what a compaction that died was writing.
    private func removeDebris() throws {
        for name in try directory.names(day)
        where name.hasPrefix(".") && name.hasSuffix(DayFile.ending) {
            try directory.disk.removeIfThere("\(folder)/\(name)")
        }
    }

    /// The files that count, in order of creation; those that another one lists are deleted.
    private func counted(_ files: [ArchiveFile], deletes: Bool) throws -> [Source] {
        let all = try files.map { file in
            let sealed = try SealedFile.open(directory.full(file), disk: directory.disk)
            try sealed.refuseIfCut()
            return Source(file: file, sealed: sealed)
        }
        let replaced = Set(all.flatMap(\.sealed.footer.sources))
        let isReplaced = { (source: Source) in replaced.contains(source.sealed.footer.id) }
        if deletes { try delete(all.filter(isReplaced)) }
        return all.filter { !isReplaced($0) }
    }

    /// In order of creation: what is behind a day looks at the last file of it.
    private func delete(_ sources: [Source]) throws {
        guard !sources.isEmpty else { return }
        // What replaces them is there for good.
        try directory.disk.syncFolder(folder)
        for source in sources { try directory.disk.removeIfThere(directory.full(source.file)) }
        try directory.disk.syncFolder(folder)
    }

    private func refuseMixture(_ sources: [Source]) throws {
        let archive = try directory.writtenID() ?? sources[0].sealed.footer.archive
        var owners: [String: ArchiveFile] = [:]
        for source in sources {
            guard source.sealed.footer.archive == archive else {
                throw ArchiveError.journal(
                    "\(source.file.path): made by archive \(source.sealed.footer.archive), and "
                        + "this one is \(archive): the day is not compacted; move the file away "
                        + "if its samples are not from here"
                )
            }
            for id in source.sealed.footer.sources {
                if let other = owners.updateValue(source.file, forKey: id) {
                    throw ArchiveError.journal(
                        "\(source.file.path): made from segment \(id), and so is \(other.path): "
                            + "each of its samples is there twice; move one of them away"
                    )
                }
            }
        }
    }

    /// Files that follow each other and are compacted at once, since what their footers say fits.
    private func batches(_ sources: [Source]) -> [[Source]] {
        var batches: [[Source]] = []
        var items = 0
        for source in sources {
            let more = source.sealed.footer.columnCount
            if let last = batches.last, last.count < limits.files,
                last.count < 2 || items + more <= limits.footerItems
            {
                batches[batches.count - 1].append(source)
                items += more
            } else {
                batches.append([source])
                items = more
            }
        }
        return batches
    }

    private func merge(
        _ sources: [Source],
        _ retention: DayRetention,
        _ mayGoOn: () -> Bool
    ) throws -> (source: Source, removed: [LedgerEntry]) {
        guard let created = sources[0].file.created else {
            throw ArchiveError.journal("\(sources[0].file.path): its name tells no time")
        }
        let file = ArchiveFile.segment(created: created).sealed
        guard file.day == day else {
            throw ArchiveError.journal(
                "\(sources[0].file.path): its name tells a time of \(file.day)"
            )
        }
        try compactor.checkRoom(for: sources.reduce(0) { $0 + $1.sealed.byteCount })
        let plan = DayPlan(sources.map(\.sealed), retention: retention, budget: limits.rows)
        let new = DayFile(directory: directory, day: day, plan: plan, file: file, now: now)
        let footer = try new.write { guard mayGoOn() else { throw Compactor.Stopped() } }
        do {
            try finish(new, retention, footer)
        } catch {
            new.giveUp()
            throw error
        }
        try delete(sources)
        let sealed = try SealedFile.open(directory.full(file), disk: directory.disk)
        let known = Set(sources.flatMap(\.sealed.footer.ledger))
        let removed = footer.ledger.filter { $0.kind == .retention && !known.contains($0) }
        return (Source(file: file, sealed: sealed), removed)
    }

    /// Puts the file in place, unless somebody pinned meanwhile what it does not have any more.
    private func finish(
        _ new: DayFile,
        _ retention: DayRetention,
        _ footer: SealedFooter
    ) throws {
        guard footer.ledger.contains(where: { $0.kind == .retention }) else {
            return try new.putInPlace()
        }
        let lock = try directory.lock(ArchiveDirectory.pinsLock, holder: "compaction of \(day)")
        defer { lock.unlock() }
        guard try compactor.retention(of: day).hasPins(of: retention) else {
            throw ArchiveError.journal("\(day): pins were changed meanwhile: it is tried again")
        }
        try new.putInPlace()
    }
}

extension CompactedDay {
    fileprivate func with(_ outcome: Outcome) -> CompactedDay {
        var day = CompactedDay(day: day, outcome: outcome)
        (day.bytesBefore, day.bytesAfter, day.removed) = (bytesBefore, bytesAfter, removed)
        return day
    }
}

extension SealedFooter {
    /// How many pieces of columns it tells of: what it takes in memory.
    fileprivate var columnCount: Int {
        timelines.reduce(0) { $0 + $1.groups.count * $1.feed.fields.count }
            + reduced.reduce(0) { $0 + $1.groups.count * $1.feed.fields.count }
    }
}
