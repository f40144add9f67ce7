internal import ArchiveFormat
internal import CKernel
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
    /// The declarations of the segments that were sealed before.
    private let feeds = KnownFeeds()
    /// The footer that was read last, of the file that was sealed last as a rule: what is sealed
    /// next asks for it twice.
    private var newest: (file: ArchiveFile, footer: SealedFooter)?

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
        let closed = try directory.files().filter {
            $0.kind == .journal && $0.path != openSegment
        }
        guard !closed.isEmpty else { return [] }
        // What the rows of one segment stood in, those of the next one need: to give it back page
        // by page and to take it again costs a tenth of the work. At the end all of it goes back.
        cerro_memory_keep(CInt(clamping: budget))
        defer { cerro_memory_return() }
        var made: [String] = []
        for file in closed {
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
            guard let footer = try write(file, next) else {
                try directory.disk.remove(directory.full(file))
                return nil
            }
            newest = (file.sealed, footer)
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

    /// Whether a sealed file lists the segment as its source; its own has to be whole, since the
    /// segment can still make it anew.
    private func isSealed(_ file: ArchiveFile) -> Bool {
        if let sealed = open(file.sealed), sealed.flaws.isEmpty,
            sealed.footer.sources.contains(file.id)
        {
            return true
        }
        // One that came back from a copy after its day was compacted: of the files that begin
        // before it, the last one has what it has.
        let files = (try? directory.files(days: [file.day])) ?? []
        let before = files.last { $0.kind == .sealed && $0.stem != file.stem && $0 < file }
        guard let before, known(before)?.sources.contains(file.id) == true else { return false }
        return open(before)?.lost.isEmpty == true
    }

    /// What the disk has as a sealed file; nil where that is missing or cannot be read.
    private func open(_ sealed: ArchiveFile) -> SealedFile? {
        try? SealedFile.open(directory.full(sealed), disk: directory.disk)
    }

    /// The footer of a sealed file that is listed, without reading the newest one again.
    private func known(_ sealed: ArchiveFile) -> SealedFooter? {
        if let newest, newest.file == sealed { return newest.footer }
        guard let footer = open(sealed)?.footer else { return nil }
        newest = (sealed, footer)
        return footer
    }

    /// A segment behind another one: when it was created, the cursors that it opens with, and
    /// whether no other one stands between them.
    private struct Successor {
        let created: Timestamp?
        let cursors: [Cursor]
        let isNext: Bool
    }

    /// The first segment behind `file` that says how much of it counts.
    ///
    /// One without its opening says nothing: it is being made, or was left behind in that, or is
    /// damaged. What it may hold, those behind it know as well.
    private func successor(of file: ArchiveFile) throws -> Successor? {
        let files = try directory.files()
        var isNext = true
        for next in files where next.stem != file.stem && next > file {
            let isSealed = next.kind == .sealed || files.contains(next.sealed)
            let footer = isSealed ? open(next.sealed)?.footer : nil
            if let footer, !footer.isOfJournal { continue }
            if let cursors = try footer?.cursorsBefore ?? openingCursors(of: next) {
                return Successor(created: next.created, cursors: cursors, isNext: isNext)
            }
            isNext = false
        }
        return nil
    }

    /// How far the archive had come before `file`, by the sealed file before it; nil where that is
    /// not there.
    private func end(before file: ArchiveFile) throws -> [Cursor]? {
        for before in try directory.files().reversed()
        where before.stem != file.stem && before < file {
            guard before.kind == .sealed, let footer = known(before) else { return nil }
            if footer.isOfJournal { return footer.cursors }
        }
        return nil
    }

    private func openingCursors(of file: ArchiveFile) throws -> [Cursor]? {
        struct Found: Error {
            let cursors: [Cursor]?
        }
        let segment = try directory.disk.open(directory.full(file), .read)
        do {
            let follower = JournalFollower(segment, window: Limits.openingWindow)
            try follower.read(isClosed: false) { _ in
                throw Found(cursors: nil)
            } others: { event in
                if case .opening(_, _, _, let cursors) = event { throw Found(cursors: cursors) }
                throw Found(cursors: nil)
            }
        } catch let found as Found {
            return found.cursors
        }
        return nil
    }

    /// Writes the sealed file; returns nil, and leaves none, if there is nothing to keep.
    private func write(_ file: ArchiveFile, _ next: Successor?) throws -> SealedFooter? {
        let segment = try directory.disk.open(directory.full(file), .read)
        let start = try end(before: file)
        func read(
            rows: (JournalBlocks) -> Void,
            others: (JournalEvent) throws -> Void
        ) throws -> CursorTable {
            let follower = JournalFollower(
                segment,
                limit: next?.cursors,
                start: start,
                window: Limits.shortJournalWindow,
                knowing: feeds
            )
            try follower.read(isClosed: true, rows: rows, others: others)
            return follower.cursors
        }
        var plan = SealingPlan(start: start)
        return try directory.writeSealed(file, footer(plan, file)) { builder in
            var pass = SealingPass(budget: budget)
            var unreadable: [LedgerEntry] = []
            let cursors = try read { record in
                plan.note(record)
                pass.take(record)
            } others: { event in
                plan.note(event)
                if let row = try builder.add(unreadable: event) { unreadable.append(row) }
            }
            plan.cursors = cursors
            if let next, next.isNext {
                plan.compare(with: next.cursors, segment: file.path, end: next.created)
            }
            guard !pass.isEmpty || !plan.isEmpty || !unreadable.isEmpty else { return false }
            // Before any column: a file that is cut has it still.
            var footer = footer(plan, file)
            footer.ledger += unreadable
            footer.unreadable = builder.footer.unreadable
            builder.footer = footer
            try pass.add(to: &builder)
            while let end = pass.end {
                pass = SealingPass(from: end, budget: budget)
                _ = try read {
                    pass.take($0)
                } others: { _ in
                }
                try pass.add(to: &builder)
            }
            return true
        }
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
}

extension SealedFileBuilder {
    /// Keeps the payload of a record that cannot be decoded; returns its row of the ledger, nil for
    /// any other event.
    fileprivate mutating func add(unreadable event: JournalEvent) throws -> LedgerEntry? {
        guard
            case .unreadable(
                let instance,
                let epoch,
                let position,
                let received,
                let reason,
                let payload
            ) = event
        else { return nil }
        try add(
            unreadable: payload,
            instance: instance,
            epoch: epoch,
            position: position,
            received: received,
            reason: reason
        )
        return LedgerEntry(
            unreadable: reason,
            instance: instance,
            epoch: epoch,
            position: position,
            received: received
        )
    }
}

extension SealedFooter {
    /// Whether segments of the journal were its sources, and not files of another kind that were
    /// imported: only then it tells how far the archive had come.
    var isOfJournal: Bool { !cursors.isEmpty }

    /// The segments among the sources; the others are files that were made from some of them.
    var segments: [String] { sources.filter { $0.count == ArchiveFile.idLength } }
}

/// Writes a new file in large pieces.
final class BufferedFile {
    private let file: any SegmentFile
    private var buffer: [UInt8] = []

    init(_ file: any SegmentFile) {
        self.file = file
    }

    func write(_ bytes: [UInt8]) throws {
        // Many at once need not be collected.
        if buffer.isEmpty, bytes.count >= Limits.wholeWrite { return try put(bytes) }
        buffer += bytes
        if buffer.count >= Limits.sealedWrite { try flush() }
    }

    func finish() throws {
        try flush()
        try file.sync()
    }

    private func flush() throws {
        guard !buffer.isEmpty else { return }
        try put(buffer)
        buffer.removeAll(keepingCapacity: true)
    }

    private func put(_ bytes: [UInt8]) throws {
        let done = try bytes.withUnsafeBytes { try file.append([$0]) }
        guard done == bytes.count else { throw DiskError.full(path: file.path, during: "write") }
    }
}
