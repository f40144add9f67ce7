internal import ArchiveFormat
internal import Dispatch
internal import GRDB
internal import Log
internal import Synchronization
public import Telemetry

/// A tree of `.g3` housekeeping files, as so3g and OCS write them, for reading where it stands.
///
/// Nothing is ever written into the tree: the index of it stands in the archive's folder. A file is
/// scanned once, goes on to be scanned where it has grown, and is scanned again where it is another
/// one. It may be used by several threads at once; every call reads files and blocks.
public final class G3Store: Sendable {
    /// The folder of the tree.
    public let root: String
    let index: G3Index
    let disk: any Disk = SystemDisk()
    private let time: any TimeSource
    private let lock: any FolderLock
    private let state = Mutex(State())

    private struct State {
        /// The folders whose names have not changed since all of their files were looked at.
        var folders: [String: Int64] = [:]
        var known: [String: G3Index.Known]?
        /// Files that could not even be opened.
        var problems: [String: String] = [:]
    }

    /// Opens the tree at `root`, with its index in the folder of an archive.
    ///
    /// - Parameters:
    ///   - root: the folder with the files, in folders below it or not.
    ///   - directory: the archive beside whose index that of the tree stands.
    ///   - holder: who reads it, for another reader that is refused.
    ///   - time: the clock that tells a file that still grows from one that was cut off.
    /// - Throws: ``ArchiveError``, also where another reader has it open.
    public init(
        root: String,
        beside directory: ArchiveDirectory,
        holder: String,
        time: any TimeSource = SystemTimeSource()
    ) throws(ArchiveError) {
        self.root = root
        self.time = time
        // By its path, so that the order of the site file does not matter.
        let name = "g3-" + String(Array(root.utf8).withUnsafeBytes { crc32c($0) }, radix: 16)
        lock = try directory.lock("\(name).lock", holder: holder)
        index = try G3Index("\(directory.path)/\(name).sqlite")
    }

    deinit { lock.unlock() }

    /// Takes in what is new in the tree.
    ///
    /// - Parameters:
    ///   - patience: after that long it stops between two steps; the next call goes on.
    ///   - progress: called with the number of files scanned, and of those to scan.
    /// - Returns: how many files are still to be scanned.
    /// - Throws: ``ArchiveError`` where the tree cannot be listed, or the index written.
    @discardableResult
    public func refresh(
        patience: Duration = .seconds(1_000_000),
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(ArchiveError) -> Int {
        let begin = ContinuousClock.now
        if index.isDamaged { try beginAnew() }
        let found = try look()
        var waiting = found.changed[...]
        for path in found.gone { try forget(path) }
        while !waiting.isEmpty {
            let step = waiting.prefix(Limits.g3FilesPerStep)
            try scan(Array(step))
            waiting = waiting.dropFirst(step.count)
            progress(found.changed.count - waiting.count, found.changed.count)
            if ContinuousClock.now - begin > patience { break }
        }
        if waiting.isEmpty { state.withLock { $0.folders = found.folders } }
        return waiting.count
    }

    /// What is wrong with files of the tree, as lines for people.
    public var problems: [String] {
        get throws(ArchiveError) {
            try index.damage(in: nil, finished: time.now - Limits.g3Patience).map(\.cause)
                + state.withLock { $0.problems.values.sorted() }
        }
    }

    /// The fields with a sample in `range`, by name.
    public func fields(in range: Range<Timestamp>) throws(ArchiveError) -> [FieldSummary] {
        try index.fields(in: range)
    }

    /// The newest time of a timeline that the tree holds; nil if it holds none.
    public func newest(instance: String, feed: String) throws(ArchiveError) -> Timestamp? {
        try index.newest(instance: instance, feed: feed)
    }

    /// Where damage has cost samples: of which instance nobody can know, so of each.
    public func gaps(in range: Range<Timestamp>) throws(ArchiveError) -> [LedgerEntry] {
        let damage = try index.damage(in: range, finished: time.now - Limits.g3Patience)
        guard !damage.isEmpty else { return [] }
        let instances = try index.instances()
        return damage.flatMap { damage in
            instances.map { instance in
                LedgerEntry(
                    instance: instance,
                    feed: nil,
                    from: Timestamp(nanoseconds: damage.from),
                    to: Timestamp(nanoseconds: damage.to),
                    count: nil,
                    cause: "damage: \(damage.cause)"
                )
            }
        }
    }
}

extension G3Store {
    /// What a look at the folders finds.
    private struct Found {
        /// Files to scan, the newest first: what people ask for.
        var changed: [G3File] = []
        var gone: [String] = []
        var folders: [String: Int64] = [:]
    }

    private func look() throws(ArchiveError) -> Found {
        let known = try known()
        let (before, problems) = state.withLock { ($0.folders, Array($0.problems.keys)) }
        let old = (time.now - Limits.g3Growing).nanoseconds
        let growing = Dictionary(
            grouping: known.filter { $0.value.modified > old }.map(\.key) + problems,
            by: G3Tree.folder(of:)
        )
        let listing: G3Tree.Listing
        do throws(DiskError) {
            listing = try G3Tree(root: root).list { folder, modified in
                before[folder] == modified ? growing[folder] ?? [] : nil
            }
        } catch {
            throw .disk(error)
        }
        var found = Found(folders: listing.folders)
        for file in listing.files.reversed() {
            let was = known[file.path]
            if was?.size != file.size || was?.modified != file.modified {
                found.changed.append(file)
            }
        }
        let there = Set(listing.files.map(\.path))
        found.gone = known.keys.filter {
            !there.contains($0) && !listing.unchanged.contains(G3Tree.folder(of: $0))
        }
        return found
    }

    /// Forgets all of the tree, so that this look takes it in again.
    private func beginAnew() throws(ArchiveError) {
        try index.reset()
        state.withLock { state in
            state.folders = [:]
            state.known = nil
        }
    }

    private func known() throws(ArchiveError) -> [String: G3Index.Known] {
        if let known = state.withLock({ $0.known }) { return known }
        let known = try index.files()
        state.withLock { $0.known = known }
        return known
    }

    private func forget(_ path: String) throws(ArchiveError) {
        try index.write { try G3Index.forget(path, $0) }
        state.withLock {
            $0.known?[path] = nil
            $0.problems[path] = nil
        }
    }

    /// Forgets a file that is not what the index says, so that the next look scans it again.
    func doubt(_ path: String) throws(ArchiveError) {
        try forget(path)
        state.withLock { $0.folders[G3Tree.folder(of: path)] = nil }
    }

    private func scan(_ files: [G3File]) throws(ArchiveError) {
        let known = try known()
        let scans = Mutex<[Int: Result<G3Scanned, DiskError>]>([:])
        let (root, disk) = (root, disk)
        DispatchQueue.concurrentPerform(iterations: files.count) { number in
            let path = files[number].path
            let result = Result { () throws(DiskError) in
                try G3Scanned(disk.open("\(root)/\(path)", .read), files[number], known[path])
            }
            scans.withLock { $0[number] = result }
        }
        let results = scans.withLock { $0 }
        try index.write { db in
            for (number, file) in files.enumerated() {
                guard case .success(let scanned)? = results[number] else { continue }
                try G3Index.enter(
                    scanned.scan,
                    of: file.path,
                    size: file.size,
                    modified: file.modified,
                    from: scanned.start,
                    db
                )
            }
        }
        state.withLock { state in
            for (number, file) in files.enumerated() {
                switch results[number] {
                case .success(let scanned)?:
                    state.problems[file.path] = nil
                    state.known?[file.path] = G3Index.Known(
                        size: file.size,
                        modified: file.modified,
                        state: scanned.scan.state
                    )
                case .failure(let error)?: state.problems[file.path] = "\(error)"
                case nil: break
                }
            }
        }
    }
}

/// The scan of a file, and where an earlier one had ended, from where it went on.
private struct G3Scanned: Sendable {
    let scan: G3FileScan, start: Int

    init(
        _ file: any SegmentFile,
        _ found: G3File,
        _ known: G3Index.Known?
    ) throws(DiskError) {
        var state = G3FileScan.State()
        if let before = known?.state, before.offset > 4, found.size > known?.size ?? 0 {
            let seal = try file.bytes((before.offset - 4)..<before.offset)
            let word = seal.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            if word == before.seal { state = before }
        }
        start = state.offset
        scan = try G3FileScan(file, size: found.size, from: state)
    }
}
