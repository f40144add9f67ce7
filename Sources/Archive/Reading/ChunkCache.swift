internal import ArchiveFormat
internal import Synchronization
internal import Telemetry

/// The bytes of chunks, checked, and open files: those used last, bounded in bytes and in number.
///
/// Nothing is read under its lock; what several want at once is read by the first of them.
final class ChunkCache: Sendable {
    /// What tells a chunk from others: its file, and where it begins there.
    struct Key: Hashable {
        let file: String, offset: Int
    }

    /// The place of a chunk, which is held by whoever reads it.
    private final class Cell: Sendable {
        let chunk = Mutex<Result<CheckedChunk, ArchiveError>?>(nil)
    }

    private struct Entry {
        let cell: Cell
        /// 0 while it is read.
        var byteCount = 0
        var used: UInt64
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var byteCount = 0
        var files: [String: (file: SealedFile, used: UInt64)] = [:]
        var clock: UInt64 = 0
        var lookups = 0, hits = 0
    }

    private let byteLimit: Int
    private let fileLimit: Int
    private let state = Mutex(State())

    init(byteLimit: Int, fileLimit: Int) {
        self.byteLimit = byteLimit
        self.fileLimit = fileLimit
    }

    /// The open file at `path`, opened by `open` if it is not there.
    func file(
        _ path: String,
        open: () throws(ArchiveError) -> SealedFile
    ) throws(ArchiveError) -> SealedFile {
        let known = state.withLock { state -> SealedFile? in
            state.clock += 1
            state.files[path]?.used = state.clock
            return state.files[path]?.file
        }
        if let known { return known }
        let file = try open()
        state.withLock { state in
            state.byteCount += file.footerByteCount - (state.files[path]?.file.footerByteCount ?? 0)
            state.files[path] = (file, state.clock)
            if state.files.count > fileLimit { closeFiles(&state, most: fileLimit / 2) }
            if state.byteCount > byteLimit { evict(&state) }
        }
        return file
    }

    /// The files that are open.
    var openPaths: [String] { state.withLock { Array($0.files.keys) } }

    /// Forgets a file that was deleted, moved or replaced.
    func forget(_ path: String) {
        state.withLock { state in
            guard let (file, _) = state.files.removeValue(forKey: path) else { return }
            state.byteCount -= file.footerByteCount
        }
    }

    /// The chunk at `key`, read by `read` if it is not there.
    func chunk(
        _ key: Key,
        read: () throws(ArchiveError) -> CheckedChunk
    ) throws(ArchiveError) -> CheckedChunk {
        let cell = state.withLock { state -> Cell in
            state.clock += 1
            state.lookups += 1
            if state.entries[key] != nil { state.hits += 1 }
            state.entries[key, default: Entry(cell: Cell(), used: 0)].used = state.clock
            return state.entries[key]?.cell ?? Cell()
        }
        var isFirst = false
        let result = cell.chunk.withLock { known -> Result<CheckedChunk, ArchiveError> in
            if let known { return known }
            isFirst = true
            let found: Result<CheckedChunk, ArchiveError>
            do throws(ArchiveError) {
                found = .success(try read())
            } catch {
                found = .failure(error)
            }
            known = found
            return found
        }
        if isFirst { keep(result, cell, key) }
        return try result.get()
    }

    /// Counts a chunk that was read; one that could not be is tried again by whoever is next.
    private func keep(_ result: Result<CheckedChunk, ArchiveError>, _ cell: Cell, _ key: Key) {
        let byteCount = (try? result.get()).map { $0.byteCount + Limits.chunkOverhead }
        state.withLock { state in
            guard state.entries[key]?.cell === cell else { return }
            guard let byteCount else {
                state.entries[key] = nil
                return
            }
            state.entries[key]?.byteCount = byteCount
            state.byteCount += byteCount
            if state.byteCount > byteLimit { evict(&state) }
        }
    }

    /// What it holds, and how often that was enough.
    var status: ArchiveStatus {
        state.withLock { state in
            var status = ArchiveStatus()
            (status.cacheBytes, status.cacheLimit) = (state.byteCount, byteLimit)
            (status.lookups, status.hits) = (state.lookups, state.hits)
            return status
        }
    }

    /// How many bytes are held now.
    var byteCount: Int { state.withLock { $0.byteCount } }

    /// Gives back a quarter at once, so that the order is worked out rarely.
    private func evict(_ state: inout State) {
        let target = byteLimit / 4 * 3
        let order = state.entries.values.map { ($0.used, $0.byteCount) }.sorted { $0.0 < $1.0 }
        var newestGone: UInt64 = 0
        for (used, byteCount) in order where state.byteCount > target {
            newestGone = used
            state.byteCount -= byteCount
        }
        // Those that are being read have no bytes yet, and are counted when they have.
        state.entries = state.entries.filter { _, entry in
            entry.used > newestGone || entry.byteCount == 0
        }
        // Footers alone are more than all that may be held; the newest of them is in use.
        while state.byteCount > byteLimit, state.files.count > 1 {
            closeFiles(&state, most: state.files.count / 2)
        }
    }

    private func closeFiles(_ state: inout State, most: Int) {
        let oldest = state.files.sorted { $0.value.used < $1.value.used }
        for (path, open) in oldest.dropLast(most) {
            state.files[path] = nil
            state.byteCount -= open.file.footerByteCount
        }
    }
}
