internal import ArchiveFormat
internal import Glibc
internal import Telemetry

/// What a log finds in its folder when it opens: the lock, older epochs, what archives have.
struct LogOpening {
    let lock: any FolderLock
    let epoch: Int64
    let predecessors: [Int64]
    /// Whether the disk knows the number of this epoch.
    let isNumberSaved: Bool
    /// The epoch before which not all is known; see ``EpochStarts/since``.
    let since: Int64
    private(set) var epochs: [EpochEntry]
    let segments: [Segment]
    /// How far each archive has committed; nil where the disk does not tell now.
    let commits: [String: Commit]?
    let bootID: String
    /// The file `memory`, or why there is none.
    let marker: Result<MemoryMarker, DiskError>

    init(
        folder: String,
        instance: String,
        disk: any Disk,
        now: Timestamp,
        bootID: String
    ) throws(LogError) {
        self.bootID = Self.word(bootID)
        do throws(DiskError) {
            try disk.createFolder(folder)
            lock = try disk.lock("\(folder)/lock", holder: Self.holder(instance))
        } catch {
            guard case .locked(_, let holder) = error else { throw .disk(error) }
            throw .held(folder: folder, holder: holder)
        }
        do throws(DiskError) {
            segments = try Self.segments(in: folder, disk)
        } catch {
            lock.unlock()
            throw .disk(error)
        }
        let found = SpoolTables(in: folder, hasSegments: !segments.isEmpty, disk)
        commits = found.commits
        let notes = found.notes
        epochs = Self.earlier(found, segments, self.bootID)
        predecessors = found.predecessors(with: segments.map(\.epoch))
        epoch = EpochStarts.number(
            after: predecessors.last ?? 0,
            now: now,
            bootID: self.bootID,
            isDoubtful: found.isDoubtful
        )
        epochs.append(EpochEntry(epoch: epoch, bootID: self.bootID))
        since = min(found.doubted, epoch)
        // Others may hear of this epoch before its first record, and the table of epochs forgets
        // what it has told: whoever opens the log next could not follow. A disk that refuses this
        // costs that one the wait for a lease.
        isNumberSaved = LogTables.save(
            starts: predecessors + [epoch],
            since: since,
            self.bootID,
            folder,
            disk
        )
        marker = found.marker(isDoubtSaved: isNumberSaved, folder, disk)
        for note in notes { Self.rewriteDoubtful(note, segments, folder, disk) }
    }

    /// Writes segments anew that hold what `note` says was only in memory: a sync of them failed,
    /// so that what can be read of them now may be nowhere but in the kernel's memory.
    ///
    /// A disk that refuses that leaves them as they are.
    private static func rewriteDoubtful(
        _ note: MemoryNote,
        _ segments: [Segment],
        _ folder: String,
        _ disk: any Disk
    ) {
        let own = segments.filter { $0.epoch == note.epoch }
        for (number, segment) in own.enumerated() {
            let next = number + 1 < own.count ? own[number + 1].first : segment.index?.next ?? 0
            guard next > note.first else { continue }
            let path = "\(folder)/\(segment.name)"
            guard let bytes = try? disk.contents(of: path) else { continue }
            try? disk.replace(path, with: bytes)
        }
    }

    /// The epochs of which records are held, or of which somebody has yet to be told the end.
    private static func earlier(
        _ found: SpoolTables,
        _ segments: [Segment],
        _ bootID: String
    ) -> [EpochEntry] {
        let commits = (found.commits ?? [:]).values.map(\.progress)
        var entries = Dictionary(found.known.map { ($0.epoch, $0) }, uniquingKeysWith: { $1 })
        for note in found.notes {
            let entry = entries[note.epoch] ?? EpochEntry(epoch: note.epoch, bootID: note.bootID)
            // The table is newer where it has a note itself, or knows of an end in order.
            guard !entry.isClosed, entry.memory == nil else { continue }
            entries[note.epoch] = entry
            entries[note.epoch]?.memory = note
        }
        let held = Set(segments.map(\.epoch))
        // Of an epoch that the table does not know nobody can say that it was closed.
        for epoch in held where entries[epoch] == nil {
            entries[epoch] = EpochEntry(epoch: epoch, bootID: EpochEntry.unknownBoot)
        }
        for segment in segments {
            // Whose process was killed, but whose records are all on the disk now: a later power
            // cut takes none of them. What was in memory has to be known for that.
            guard let index = segment.index, let entry = entries[segment.epoch],
                entry.bootID == bootID, !entry.isClosed, index.isSynced, !index.isTailDamaged,
                !index.isUnread, entry.epoch >= found.doubted
            else { continue }
            entries[segment.epoch]?.isClosed = true
            entries[segment.epoch]?.last = index.next - 1
        }
        let untold = entries.values.filter { entry in
            entry.isUntold(under: bootID) && !held.contains(entry.epoch)
                && (commits.isEmpty || commits.contains { $0.epoch <= entry.epoch })
        }
        let kept = Set(untold.map(\.epoch).sorted().suffix(Limits.memoryNotes)).union(held)
        return kept.sorted().compactMap { entries[$0] }
    }

    private static func segments(
        in folder: String,
        _ disk: any Disk
    ) throws(DiskError) -> [Segment] {
        let found = try disk.names(in: folder).compactMap(Segment.parse)
        var segments: [Segment] = []
        for (number, place) in found.enumerated() {
            let path = "\(folder)/\(Segment.name(epoch: place.epoch, first: place.first))"
            let isLast = number + 1 == found.count || found[number + 1].epoch != place.epoch
            // A segment that cannot be read must not keep an instrument from being measured: it
            // stays where it is, and what it held is a loss when it is fetched.
            var segment = Segment(
                epoch: place.epoch,
                first: place.first,
                index: nil,
                byteCount: 0,
                beginsWithDeclarations: true
            )
            if let file = try? disk.open(path, .read), let size = try? file.size() {
                segment.byteCount = size
                let head = try? file.bytes(0..<min(size, isLast ? size : 256))
                segment.beginsWithDeclarations = isDeclaration(head ?? [])
                if isLast {
                    segment.index = head.map { scan($0, segment) }
                    // Who was killed may have left something that only the kernel has. What it
                    // could not sync now it takes for synced later, so that is written anew.
                    segment.index?.isSynced =
                        (try? file.sync()) != nil
                        || head.map { (try? disk.replace(path, with: $0)) != nil } ?? false
                }
            }
            if isLast, segment.index == nil {
                segment.index = SegmentIndex(first: place.first)
                segment.index?.isUnread = true
            }
            segments.append(segment)
        }
        return segments
    }

    private static func scan(_ bytes: [UInt8], _ segment: Segment) -> SegmentIndex {
        bytes.withUnsafeBytes {
            .scan($0, epoch: segment.epoch, first: segment.first, limit: .max)
        }
    }

    /// Whether a segment begins with the first declaration of its epoch, by its first bytes.
    ///
    /// One that was begun after a failed write may begin with another.
    private static func isDeclaration(_ head: [UInt8]) -> Bool {
        guard head.count > Frame.headerLength else { return false }
        return head.withUnsafeBytes { bytes in
            let payload = UnsafeRawBufferPointer(rebasing: bytes[Frame.headerLength...])
            let peek = RecordPeek(payload)
            return peek?.kind == RecordKind.declaration.rawValue && peek?.revision == 1
        }
    }

    private static func holder(_ instance: String) -> String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        let host = String(
            decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)),
            as: UTF8.self
        )
        return "host \(host), pid \(getpid()), instance \(instance)"
    }

    private static func word(_ text: String) -> String {
        let word = text.filter { !$0.isWhitespace }
        return word.isEmpty ? "unknown" : word
    }
}

/// What the tables of a spool say when it is opened, and whether they say all.
private struct SpoolTables {
    let known: [EpochEntry]
    let starts: [Int64]
    /// How far each archive has committed; nil where the disk does not tell now.
    let commits: [String: Commit]?
    /// Whether a table cannot be read, or is damaged: nobody knows what it had.
    let isDoubtful: Bool
    /// The epoch before which not all is known; beyond all of them where a table is doubtful now.
    let doubted: Int64
    private let found: Result<MemoryMarker?, DiskError>

    init(in folder: String, hasSegments: Bool, _ disk: any Disk) {
        let epochs = LogTables.contents(of: LogTables.epochs, in: folder, disk)
        let starts = LogTables.contents(of: LogTables.starts, in: folder, disk)
        found = Result { () throws(DiskError) in try MemoryMarker(openedIn: folder, disk) }
        let marker = (try? found.get()) ?? nil
        // Nobody creates a segment before the table of epochs.
        isDoubtful =
            epochs == nil || epochs == [] && hasSegments || starts == nil
            || marker?.isDamaged ?? MemoryMarker.isThere(in: folder, disk)
        doubted = isDoubtful ? .max : LogTables.since(starts ?? [])
        known = LogTables.epochs(epochs ?? [])
        self.starts = LogTables.epochs(starts ?? []).map(\.epoch)
        commits = LogTables.commits(in: folder, disk)
    }

    /// What was in memory when the process before this one ended.
    var notes: [MemoryNote] { ((try? found.get()) ?? nil)?.inherited ?? [] }

    /// The newest epochs that began here, those of segments among them.
    func predecessors(with held: [Int64]) -> [Int64] {
        let committed = (commits ?? [:]).values.map(\.progress.epoch).filter { $0 > 0 }
        let all = known.map(\.epoch) + notes.map(\.epoch) + starts + committed + held
        return Array(Set(all).sorted().suffix(Limits.predecessors))
    }

    /// The file `memory`, made anew where it cannot be used; what could not be read is not written
    /// over before the disk knows of that.
    func marker(
        isDoubtSaved: Bool,
        _ folder: String,
        _ disk: any Disk
    ) -> Result<MemoryMarker, DiskError> {
        Result { () throws(DiskError) in
            if let marker = try found.get(), !marker.isDamaged { return marker }
            guard isDoubtSaved || !isDoubtful else { throw .full(path: folder, during: "write") }
            return try MemoryMarker(madeIn: folder, disk)
        }
    }
}
