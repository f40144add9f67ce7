internal import ArchiveFormat
internal import Log
internal import Telemetry

/// How far an archive has come, by what is in its folder.
struct JournalRecovery {
    private(set) var cursors = CursorTable()
    private(set) var declarations: [KeptDeclaration] = []
    private(set) var lastReceived = Timestamp(nanoseconds: 0)
    private(set) var lastCreated = Timestamp(nanoseconds: 0)
    /// The segments that are not sealed yet, oldest first.
    private(set) var journals: [String] = []

    /// Reads the newest segment, older ones if that does not tell, and else the newest sealed
    /// file. What counts from now on is synced before.
    static func recover(_ directory: ArchiveDirectory) throws(ArchiveError) -> JournalRecovery {
        var recovery = JournalRecovery()
        let files = try directory.files()
        recovery.lastCreated = files.compactMap(\.created).max() ?? Timestamp(nanoseconds: 0)
        recovery.lastReceived = recovery.lastCreated
        let journals = files.filter { $0.kind == .journal }
        recovery.journals = journals.map(\.path)
        for file in journals.reversed() where try recovery.read(file, directory) {
            return recovery
        }
        for file in files.reversed() where file.kind == .sealed {
            guard let sealed = try? SealedFile.open(directory.full(file), disk: directory.disk)
            else { continue }
            for cursor in sealed.footer.cursors { recovery.cursors.merge(cursor) }
            recovery.declarations += sealed.footer.declarations
            recovery.lastReceived = max(recovery.lastReceived, sealed.footer.receivedTo)
            return recovery
        }
        return recovery
    }

    /// Reads one segment; returns whether its opening is there, which tells all that was before.
    private mutating func read(
        _ file: ArchiveFile,
        _ directory: ArchiveDirectory
    ) throws(ArchiveError) -> Bool {
        var hasOpening = false
        var declarations: [KeptDeclaration] = []
        do {
            let segment = try directory.disk.open(directory.full(file), .append)
            try segment.sync()
            let follower = JournalFollower(segment)
            try follower.read(isClosed: true) { event in
                switch event {
                case .opening(_, _, _, let cursors):
                    hasOpening = true
                    for cursor in cursors { self.cursors.merge(cursor) }
                case .declaration(let kept): declarations.append(kept)
                case .progress(let cursor, let received):
                    self.cursors.merge(cursor)
                    lastReceived = max(lastReceived, received)
                case .blocks, .ledger, .unreadable, .damage: break
                }
            }
        } catch let error as DiskError {
            throw .disk(error)
        } catch {
            throw .journal("\(directory.full(file)): \(error)")
        }
        // Those of an older segment come before: the newest of one number counts.
        self.declarations = declarations + self.declarations
        return hasOpening
    }
}
