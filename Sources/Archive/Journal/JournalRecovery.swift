internal import ArchiveFormat
internal import Log
internal import Telemetry

/// How far an archive has come, by what is in its folder.
struct JournalRecovery {
    private(set) var cursors = CursorTable()
    private(set) var declarations: [KeptDeclaration] = []
    private(set) var lastReceived = Timestamp(nanoseconds: 0)
    private(set) var lastCreated = Timestamp(nanoseconds: 0)
    /// When the newest record of each epoch was published, where the newest segments tell.
    private(set) var lastPublished: [CursorTable.Key: Timestamp] = [:]
    /// Whether an opening told the cursors: what older segments say of them counts no more.
    private var hasCursors = false
    /// The segments that are not sealed yet, oldest first.
    private(set) var journals: [String] = []

    /// Reads the newest segment, older ones if that does not tell, else the newest sealed file.
    ///
    /// What counts from now on is synced before.
    static func recover(_ directory: ArchiveDirectory) throws(ArchiveError) -> JournalRecovery {
        var recovery = JournalRecovery()
        let files = try directory.files()
        recovery.lastCreated = files.compactMap(\.created).max() ?? Timestamp(nanoseconds: 0)
        recovery.lastReceived = recovery.lastCreated
        let journals = files.filter { $0.kind == .journal }
        recovery.journals = journals.map(\.path)
        let sealed = files.filter { $0.kind == .sealed }
        var isComplete = false
        for file in journals.reversed() where !isComplete {
            // Until it is deleted it stands beside the file that it became, and what damage takes
            // from it then is not missing.
            isComplete = sealed.contains(file.sealed) && recovery.take(file.sealed, directory)
            if !isComplete { isComplete = try recovery.read(file, directory) }
        }
        for file in sealed.reversed() where !isComplete {
            isComplete = recovery.take(file, directory)
        }
        return recovery
    }

    /// Takes what a sealed file tells of all that was up to its end; returns whether it does.
    private mutating func take(_ file: ArchiveFile, _ directory: ArchiveDirectory) -> Bool {
        guard let sealed = try? SealedFile.open(directory.full(file), disk: directory.disk),
            sealed.footer.isOfJournal
        else { return false }
        if !hasCursors {
            for cursor in sealed.footer.cursors { cursors.merge(cursor) }
        }
        declarations = sealed.footer.declarations + declarations
        lastReceived = max(lastReceived, sealed.footer.receivedTo)
        return true
    }

    /// Reads one segment; returns whether it tells all that was before it.
    ///
    /// Its opening alone tells the cursors. The declarations behind it are known to be all there
    /// only if a batch follows: a segment may have died between.
    private mutating func read(
        _ file: ArchiveFile,
        _ directory: ArchiveDirectory
    ) throws(ArchiveError) -> Bool {
        var hasOpening = false
        var hasBatch = false
        let takesCursors = !hasCursors
        var declarations: [KeptDeclaration] = []
        do {
            let segment = try directory.disk.open(directory.full(file), .append)
            try segment.sync()
            let follower = JournalFollower(segment)
            try follower.read(isClosed: true) { record in
                guard takesCursors else { return }
                lastPublished[.init(instance: record.instance, epoch: record.epoch)] =
                    record.published
            } others: { event in
                switch event {
                case .opening(_, _, _, let cursors):
                    hasOpening = true
                    guard takesCursors else { return }
                    for cursor in cursors { self.cursors.merge(cursor) }
                case .declaration(let kept): declarations.append(kept)
                case .progress(let cursor, let received):
                    hasBatch = true
                    if takesCursors { self.cursors.merge(cursor) }
                    lastReceived = max(lastReceived, received)
                case .ledger(let entry):
                    if takesCursors { self.cursors.settle(entry) }
                case .unreadable, .damage: break
                }
            }
        } catch let error as DiskError {
            throw .disk(error)
        } catch {
            throw .journal("\(directory.full(file)): \(error)")
        }
        // Those of an older segment come before: the newest of one number counts.
        self.declarations = declarations + self.declarations
        hasCursors = hasCursors || hasOpening
        return hasOpening && hasBatch
    }
}
