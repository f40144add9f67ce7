internal import GRDB
internal import Synchronization
public import Telemetry

/// How an archive stands: what a reader of it holds in memory, and how far the files have come.
public struct ArchiveStatus: Hashable, Sendable {
    /// Bytes of chunks and footers that are held, and how many may be.
    public var cacheBytes = 0, cacheLimit = 0
    /// How often a chunk was wanted, and how often it was there.
    public var lookups = 0, hits = 0
    /// Sealed files that are indexed, and segments of the journal that are followed.
    public var sealedFiles = 0, segments = 0
    /// Bytes that rows of open segments take, about.
    public var openBytes = 0
    /// The newest time of all timelines; nil in an empty archive.
    public var newest: Timestamp?

    /// A status of nothing.
    public init() {}
}

extension ArchiveStore {
    /// How the archive stands now.
    public func status() throws(ArchiveError) -> ArchiveStatus {
        var status = cache.status
        status.openBytes = openByteCount
        status.sealedFiles = try index.fileCount()
        (status.segments, status.newest) = state.withLock { state in
            (state.segments.count, state.newest.values.max())
        }
        if status.newest == nil { status.newest = try index.newest() }
        return status
    }
}

extension ArchiveStore {
    /// How many files are cut or cannot be read, or are known to be damaged in other places.
    public func damagedFiles() throws(ArchiveError) -> Int {
        let known = try index.damagedFiles()
        return state.withLock { state in
            known.union(state.damage.paths).count + state.segmentProblems.count
        }
    }
}

extension ArchiveIndex {
    /// The files that are cut or cannot be read.
    fileprivate func damagedFiles() throws(ArchiveError) -> Set<String> {
        try read { db in
            // Each in the words of its index, `cut_files` and `lost_files`, so that it is used.
            let cut = "SELECT path FROM files WHERE is_cut AND NOT is_missing"
            let unreadable = """
                SELECT path FROM files
                WHERE (is_missing OR problem IS NOT NULL) AND NOT is_missing
                """
            return try Set(
                String.fetchAll(db.cachedStatement(sql: cut))
                    + String.fetchAll(db.cachedStatement(sql: unreadable))
            )
        }
    }

    /// How many sealed files there are.
    fileprivate func fileCount() throws(ArchiveError) -> Int {
        try read { db in
            try Int.fetchOne(db, sql: "SELECT count(*) FROM files WHERE NOT is_missing") ?? 0
        }
    }

    /// The newest time in any sealed file.
    fileprivate func newest() throws(ArchiveError) -> Timestamp? {
        try read { db in
            try Int64.fetchOne(db, sql: "SELECT max(t1) FROM files")
                .map(Timestamp.init(nanoseconds:))
        }
    }
}
