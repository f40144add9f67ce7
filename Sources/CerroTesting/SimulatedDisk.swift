public import Log
internal import Synchronization

/// A disk in memory that refuses, writes short, lies about its syncs and forgets what was not
/// synced: all of it on command, and the same again for the same seed.
///
/// It tells apart what the kernel shows (all that was written) and what the device has (what was
/// synced). ``restart()`` is the end of the process that used it, ``powerCut()`` that of the
/// machine. Names of files are as old as the last sync of their folder; like a file system with a
/// journal, a power cut keeps the earlier ones of the changes since and forgets the rest.
public final class SimulatedDisk: Disk {
    /// What the next calls come to.
    public enum Mood: Hashable, Sendable {
        /// All goes well.
        case fine
        /// There is room for so many bytes more; a write that needs more writes what fits, the
        /// next one and every new file are refused (ENOSPC).
        case full(after: Int = 0)
        /// Every call that changes something fails (EIO).
        case broken
        /// Every read of a file fails (EIO).
        case unreadable
        /// The next write writes at most that many bytes; then all is fine.
        case short(Int)
        /// The next sync of a file fails; then all is fine.
        ///
        /// As on Linux its pages count as clean from then on: they can still be read, mostly,
        /// but a later sync does not write them.
        case failsToSync
        /// That many changing calls go well, then one fails (a write halfway); then all is fine.
        case fails(after: Int)
        /// That many changing calls go well; then nothing does, reading neither, until
        /// ``SimulatedDisk/restart()``: the process is dead. A write in that moment ends halfway.
        case dies(after: Int)
    }

    let state: Mutex<SimulatedDiskState>

    /// An empty disk; `seed` decides what power cuts and failed syncs leave.
    public init(seed: UInt64 = 0) {
        state = Mutex(SimulatedDiskState(seed: seed))
    }

    /// How the disk behaves from now on.
    public func become(_ mood: Mood) {
        state.withLock { $0.mood = mood }
    }

    /// Whether ``Mood/dies(after:)`` has come to its end.
    public var isDead: Bool { state.withLock(\.isDead) }

    /// How many calls that change the disk were made.
    public var callCount: Int { state.withLock(\.callCount) }

    /// How many syncs of files went well.
    public var syncCount: Int { state.withLock(\.syncCount) }

    /// How many syncs of files failed.
    public var failedSyncCount: Int { state.withLock(\.failedSyncCount) }

    /// The paths of all files, sorted.
    public var paths: [String] { state.withLock { $0.paths } }

    /// Calls `body` after the next sync of a file.
    public func onNextSync(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.onSync = body }
    }

    /// Ends the process that used the disk: its files and locks are no longer its own.
    ///
    /// What it wrote is there. Then all is fine.
    public func restart() {
        state.withLock { $0.restart() }
    }

    /// Takes the power away: what was not synced is gone, but for tails that follow from the seed.
    public func powerCut() {
        state.withLock { $0.powerCut() }
    }

    /// All that the kernel shows, for ``restore(_:)``.
    public func snapshot() -> SimulatedDiskSnapshot {
        SimulatedDiskSnapshot(contents: state.withLock { $0.tree })
    }

    /// Puts an older state of the disk in place, as who restores a backup does.
    public func restore(_ snapshot: SimulatedDiskSnapshot) {
        state.withLock { state in
            state.restart()
            state.tree = snapshot.contents
            state.tree.settle()
        }
    }

    /// The bytes of the file at `path`; none where there is no such file.
    public func bytes(of path: String) -> [UInt8] {
        state.withLock { state in state.tree.file(path).map { state.tree.files[$0].bytes } ?? [] }
    }

    /// Changes the bytes of a file behind everybody's back, on the device as well.
    public func damage(_ path: String, _ change: (inout [UInt8]) -> Void) {
        state.withLock { state in
            guard let id = state.tree.file(path) else { return }
            change(&state.tree.files[id].bytes)
            state.tree.files[id].settle()
        }
    }

    /// Puts `bytes` in the place of what a file holds.
    public func set(_ bytes: [UInt8], of path: String) {
        damage(path) { $0 = bytes }
    }

    /// Flips one bit of one of the files whose path `isMeant` takes; false where all are empty.
    ///
    /// `onHit` is told before that: the path, the bytes of the file, and which of them is hit.
    public func flipBit(
        _ random: inout SeededGenerator,
        in isMeant: (String) -> Bool,
        onHit: (String, [UInt8], Int) -> Void = { _, _, _ in }
    ) -> Bool {
        guard let (path, place) = anyPlace(&random, in: isMeant) else { return false }
        let bit = UInt8(1 << random.below(8))
        onHit(path, bytes(of: path), place)
        damage(path) { $0[place] ^= bit }
        return true
    }

    /// Cuts one of the files whose path `isMeant` takes; false where all are empty.
    ///
    /// `onHit` is told before that: the path, the bytes of the file, and where it will end.
    public func cut(
        _ random: inout SeededGenerator,
        in isMeant: (String) -> Bool,
        onHit: (String, [UInt8], Int) -> Void = { _, _, _ in }
    ) -> Bool {
        guard let (path, end) = anyPlace(&random, in: isMeant) else { return false }
        onHit(path, bytes(of: path), end)
        damage(path) { $0.removeSubrange(end...) }
        return true
    }

    private func anyPlace(
        _ random: inout SeededGenerator,
        in isMeant: (String) -> Bool
    ) -> (path: String, place: Int)? {
        let meant = paths.filter { isMeant($0) && !bytes(of: $0).isEmpty }
        guard !meant.isEmpty else { return nil }
        let path = meant[random.below(meant.count)]
        return (path, random.below(bytes(of: path).count))
    }

    func change<Result: Sendable>(
        _ body: (inout SimulatedDiskState) throws(DiskError) -> Result
    ) throws(DiskError) -> Result {
        try state.withLock { state in
            Swift.Result { () throws(DiskError) -> Result in try body(&state) }
        }.get()
    }
}

/// What was on a ``SimulatedDisk`` at one time.
public struct SimulatedDiskSnapshot: Sendable {
    let contents: SimulatedTree
}

extension SimulatedDisk {
    /// Creates `folder` and those above it.
    public func createFolder(_ folder: String) throws(DiskError) {
        try change { state throws(DiskError) in
            if state.tree.names[folder] == nil { try state.count(folder, "mkdir", needs: 1) }
            state.tree.createFolder(folder)
        }
    }

    /// The names in `folder`, sorted.
    public func names(in folder: String) throws(DiskError) -> [String] {
        try change { state throws(DiskError) in
            try state.checkRead(folder, "readdir")
            guard let names = state.tree.names[folder] else { throw .missing(path: folder) }
            return names.keys.sorted()
        }
    }

    /// Makes the names in `folder` survive a power cut.
    public func syncFolder(_ folder: String) throws(DiskError) {
        try change { state throws(DiskError) in
            try state.count(folder, "fsync", needs: 0)
            guard state.tree.names[folder] != nil else { throw .missing(path: folder) }
            state.tree.syncFolder(folder)
        }
    }

    /// Opens the file at `path`.
    public func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any SegmentFile {
        let (id, generation) = try change { state throws(DiskError) in
            if mode == .create {
                try state.count(path, "open", needs: 1)
                return (try state.tree.create(path), state.generation)
            }
            try state.checkRead(path, "open")
            guard let id = state.tree.file(path) else { throw .missing(path: path) }
            return (id, state.generation)
        }
        return SimulatedFile(path: path, id: id, disk: self, generation: generation)
    }

    /// Deletes the file at `path`.
    public func remove(_ path: String) throws(DiskError) {
        try change { state throws(DiskError) in
            guard state.tree.file(path) != nil else { throw .missing(path: path) }
            try state.count(path, "unlink", needs: 0)
            state.tree.set(path, nil)
        }
    }

    /// Gives the file at `path` the name `target`.
    public func rename(_ path: String, to target: String) throws(DiskError) {
        try change { state throws(DiskError) in
            try state.count(path, "rename", needs: 0)
            try state.tree.rename(path, to: target)
        }
    }

    /// Locks `path` until the process ends.
    public func lock(_ path: String, holder: String) throws(DiskError) -> any FolderLock {
        let generation = try change { state throws(DiskError) in
            try state.checkRead(path, "flock")
            if let other = state.locks[path] { throw .locked(path: path, holder: other) }
            state.locks[path] = holder
            return state.generation
        }
        return SimulatedLock(path: path, disk: self, generation: generation)
    }

    /// What ``Mood/full(after:)`` leaves, else a tebibyte.
    public func freeBytes(in folder: String) throws(DiskError) -> Int {
        state.withLock { state in
            if case .full(let after) = state.mood { after } else { 1 << 40 }
        }
    }

    /// Whether the path begins with `/nfs`.
    public func isRemote(_ folder: String) throws(DiskError) -> Bool { folder.hasPrefix("/nfs") }
}

private final class SimulatedLock: FolderLock {
    let path: String
    let disk: SimulatedDisk
    let generation: Int

    init(path: String, disk: SimulatedDisk, generation: Int) {
        self.path = path
        self.disk = disk
        self.generation = generation
    }

    deinit { unlock() }

    func unlock() {
        disk.state.withLock { state in
            guard state.generation == generation else { return }
            state.locks[path] = nil
        }
    }
}

private final class SimulatedFile: SegmentFile {
    let path: String
    let id: Int
    let disk: SimulatedDisk
    let generation: Int

    init(path: String, id: Int, disk: SimulatedDisk, generation: Int) {
        self.path = path
        self.id = id
        self.disk = disk
        self.generation = generation
    }

    func size() throws(DiskError) -> Int {
        try disk.change { state throws(DiskError) in
            try state.checkRead(path, "fstat", of: generation)
            return state.tree.files[id].bytes.count
        }
    }

    func append(_ pieces: [UnsafeRawBufferPointer]) throws(DiskError) -> Int {
        let bytes = pieces.count == 1 ? Array(pieces[0]) : pieces.flatMap { Array($0) }
        return try disk.change { state throws(DiskError) in
            try state.append(bytes, to: id, path, generation)
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(DiskError) -> Int {
        let bytes = try disk.change { state throws(DiskError) in
            try state.checkRead(path, "read", of: generation)
            return state.tree.files[id].bytes
        }
        let count = max(0, min(buffer.count, bytes.count - offset))
        if count > 0 { buffer.copyBytes(from: bytes[offset..<(offset + count)]) }
        return count
    }

    func overwrite(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DiskError) {
        let bytes = Array(bytes)
        try disk.change { state throws(DiskError) in
            try state.overwrite(bytes, at: offset, in: id, path, generation)
        }
    }

    func sync() throws(DiskError) {
        let body = try disk.change { state throws(DiskError) in
            try state.sync(id, path, generation)
        }
        body?()
    }
}
