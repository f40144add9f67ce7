internal import ArchiveFormat
internal import Log
public import Telemetry

/// Turns closed segments into sealed files; used from one thread, beside the writer's.
///
/// Any step may be the last: a segment is deleted only after a sealed file that lists it is on
/// the disk, and what lies beside from a sealing that died is overwritten.
public final class Sealer {
    private let directory: ArchiveDirectory
    private let time: any TimeSource
    private let budget: Int

    /// A sealer of the archive whose lock the caller holds.
    public convenience init(
        directory: ArchiveDirectory,
        time: any TimeSource = SystemTimeSource()
    ) {
        self.init(directory: directory, time: time, budget: Limits.sealing)
    }

    init(directory: ArchiveDirectory, time: any TimeSource, budget: Int) {
        self.directory = directory
        self.time = time
        self.budget = budget
    }

    /// Seals every segment but the one that is written to, oldest first.
    ///
    /// `openSegment` is ``JournalWriter/segmentPath``, nil if nobody writes. The result is the
    /// paths of the files that were made, relative to the archive.
    @discardableResult
    public func sealAll(openSegment: String?) throws(ArchiveError) -> [String] {
        var made: [String] = []
        for file in try directory.files()
        where file.kind == .journal && file.path != openSegment {
            if let path = try seal(file, isLast: openSegment == nil) { made.append(path) }
        }
        return made
    }

    /// Seals one closed segment.
    ///
    /// Paths are relative to the archive. The result is that of the sealed file; nil if there was
    /// nothing to keep, or if the segment has no successor yet that says how much of it counts.
    @discardableResult
    public func seal(_ path: String) throws(ArchiveError) -> String? {
        guard let file = ArchiveFile(path: path), file.kind == .journal else { return nil }
        return try seal(file, isLast: false)
    }

    private func seal(_ file: ArchiveFile, isLast: Bool) throws(ArchiveError) -> String? {
        do {
            if isSealed(file) {
                try directory.disk.remove(directory.full(file))
                return nil
            }
            let next = try successor(of: file)
            guard isLast || next != nil else { return nil }
            guard try write(file, next) else {
                try directory.disk.remove(directory.full(file))
                return nil
            }
            guard isSealed(file) else {
                throw ArchiveError.journal(
                    "\(directory.full(file.sealed)): cannot be read back after it was written; "
                        + "the segment is kept: look at the disk"
                )
            }
            try directory.disk.remove(directory.full(file))
            return file.sealed.path
        } catch let error as DiskError {
            throw .disk(error)
        } catch let error as ArchiveError {
            throw error
        } catch {
            throw .journal("\(directory.full(file)): cannot be sealed: \(error)")
        }
    }

    /// Whether a valid sealed file lists the segment as its source.
    private func isSealed(_ file: ArchiveFile) -> Bool {
        if lists(file.sealed, file.id) { return true }
        // One that came back from a copy after its day was compacted: of the files that begin
        // before it, the last one has what it has.
        let files = (try? directory.files(days: [file.day])) ?? []
        let before = files.last { $0.kind == .sealed && $0.stem != file.stem && $0 < file }
        return before.map { lists($0, file.id) } ?? false
    }

    /// Whether `sealed` is valid and was made from the segment `id`.
    private func lists(_ sealed: ArchiveFile, _ id: String) -> Bool {
        let sealed = try? SealedFile.open(directory.full(sealed), disk: directory.disk)
        return sealed?.footer.sources.contains(id) == true
    }

    /// The segment behind another one: when it was created, and the cursors that it opens with; nil
    /// if they are damaged.
    private struct Successor {
        let created: Timestamp?
        let cursors: [Cursor]?
    }

    private func successor(of file: ArchiveFile) throws -> Successor? {
        let files = try directory.files()
        guard let next = files.first(where: { $0.stem != file.stem && $0 > file }) else {
            return nil
        }
        if next.kind == .sealed || files.contains(next.sealed),
            let sealed = try? SealedFile.open(directory.full(next.sealed), disk: directory.disk)
        {
            return Successor(created: next.created, cursors: sealed.footer.cursorsBefore)
        }
        return Successor(created: next.created, cursors: try openingCursors(of: next))
    }

    /// How far the archive had come before `file`, by the sealed file before it; nil where that is
    /// not there.
    private func end(before file: ArchiveFile) throws -> [Cursor]? {
        let before = try directory.files().last { $0.stem != file.stem && $0 < file }
        guard let before, before.kind == .sealed else { return nil }
        let sealed = try? SealedFile.open(directory.full(before), disk: directory.disk)
        return sealed?.footer.cursors
    }

    private func openingCursors(of file: ArchiveFile) throws -> [Cursor]? {
        struct Found: Error {
            let cursors: [Cursor]?
        }
        let segment = try directory.disk.open(directory.full(file), .read)
        do {
            try JournalFollower(segment).read(isClosed: false) { event in
                if case .opening(_, _, _, let cursors) = event { throw Found(cursors: cursors) }
                throw Found(cursors: nil)
            }
        } catch let found as Found {
            return found.cursors
        }
        return nil
    }

    /// Writes the sealed file; returns false, and leaves none, if there is nothing to keep.
    private func write(_ file: ArchiveFile, _ next: Successor?) throws -> Bool {
        let limit = next?.cursors
        let disk = directory.disk
        let beside = "\(directory.path)/\(file.day)/.\(file.sealed.stem).new"
        try disk.removeIfThere(beside)
        let segment = try disk.open(directory.full(file), .read)
        let start = try end(before: file)
        var plan = SealingPlan(budget: budget, start: start)
        var unreadable = 0
        try JournalFollower(segment, limit: limit, start: start).read(isClosed: true) { event in
            plan.note(event)
            if case .unreadable = event { unreadable += 1 }
        }
        if let limit { plan.compare(with: limit, segment: file.path, end: next?.created) }
        guard !plan.isEmpty || unreadable > 0 else { return false }
        let output = BufferedFile(try disk.open(beside, .create))
        var builder = try SealedFileBuilder(footer(plan, file)) { try output.write($0) }
        let passes = plan.passes.isEmpty ? [[]] : plan.passes
        for (number, parts) in passes.enumerated() {
            try pass(segment, limit, start, parts, keepsUnreadable: number == 0, &builder)
        }
        _ = try builder.finish()
        try output.finish()
        try disk.rename(beside, to: directory.full(file.sealed))
        try disk.syncFolder("\(directory.path)/\(file.day)")
        return true
    }

    private func footer(_ plan: SealingPlan, _ file: ArchiveFile) -> SealedFooter {
        let opened = plan.opened ?? file.created ?? Timestamp(nanoseconds: 0)
        var footer = SealedFooter(
            id: ArchiveDirectory.randomID(),
            archive: plan.archive,
            created: time.now,
            sources: [file.id],
            receivedFrom: opened,
            receivedTo: plan.received ?? opened
        )
        footer.cursorsBefore = plan.before.cursors
        footer.cursors = plan.cursors.cursors
        footer.ledger = plan.ledger
        footer.declarations = plan.kept
        footer.damage = plan.damage
        return footer
    }

    /// Reads the segment once and adds the rows of `parts` to the sealed file.
    private func pass(
        _ segment: any SegmentFile,
        _ limit: [Cursor]?,
        _ start: [Cursor]?,
        _ parts: Set<SealingPlan.Part>,
        keepsUnreadable: Bool,
        _ builder: inout SealedFileBuilder
    ) throws {
        var counted = SealingPlan(budget: budget)
        var collectors: [SealingPlan.Part: RowCollector] = [:]
        try JournalFollower(segment, limit: limit, start: start).read(isClosed: true) { event in
            switch event {
            case .blocks(let record):
                let number = counted.add(RowCollector.byteCount(record), to: record.timeline)
                let part = SealingPlan.Part(timeline: record.timeline, number: number)
                guard parts.contains(part) else { return }
                collectors[
                    part,
                    default: RowCollector(instance: record.instance, feed: record.feed)
                ].append(record)
            case .unreadable(
                let instance,
                let epoch,
                let position,
                let received,
                let reason,
                let payload
            ):
                guard keepsUnreadable else { return }
                try builder.add(
                    unreadable: payload,
                    instance: instance,
                    epoch: epoch,
                    position: position,
                    received: received,
                    reason: reason
                )
                builder.footer.ledger.append(
                    LedgerEntry(
                        unreadable: reason,
                        instance: instance,
                        epoch: epoch,
                        position: position,
                        received: received
                    )
                )
            default: break
            }
        }
        let order = collectors.keys.sorted {
            ($0.timeline, $0.number) < ($1.timeline, $1.number)
        }
        for part in order {
            guard let collector = collectors.removeValue(forKey: part) else { continue }
            try collector.add(to: &builder)
        }
    }
}

/// Writes a new file in large pieces.
final class BufferedFile {
    private let file: any SegmentFile
    private var buffer: [UInt8] = []

    init(_ file: any SegmentFile) {
        self.file = file
    }

    func write(_ bytes: [UInt8]) throws {
        buffer += bytes
        if buffer.count >= Limits.sealedWrite { try flush() }
    }

    func finish() throws {
        try flush()
        try file.sync()
    }

    private func flush() throws {
        let count = buffer.count
        guard count > 0 else { return }
        let done = try buffer.withUnsafeBytes { try file.append([$0]) }
        guard done == count else { throw DiskError.full(path: file.path, during: "write") }
        buffer.removeAll(keepingCapacity: true)
    }
}
