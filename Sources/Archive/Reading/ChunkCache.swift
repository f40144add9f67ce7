internal import ArchiveFormat
internal import Synchronization
internal import Telemetry

/// Decoded chunks and open files, the ones used last, bounded in bytes and in number.
///
/// Nothing is decoded under its lock; what several want at once is decoded by the first of them.
final class ChunkCache: Sendable {
    /// What tells a chunk from others: its file, and where it begins there.
    struct Key: Hashable {
        let file: String, offset: Int
    }

    /// The place of a column, which is held by whoever decodes it.
    private final class Cell: Sendable {
        let column = Mutex<Result<Column, ArchiveError>?>(nil)
    }

    private struct Entry {
        let cell: Cell
        /// 0 while it is decoded.
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

    /// The column at `key`, decoded by `decode` if it is not there.
    func column(
        _ key: Key,
        decode: () throws(ArchiveError) -> Column
    ) throws(ArchiveError) -> Column {
        let cell = state.withLock { state -> Cell in
            state.clock += 1
            state.lookups += 1
            if state.entries[key] != nil { state.hits += 1 }
            state.entries[key, default: Entry(cell: Cell(), used: 0)].used = state.clock
            return state.entries[key]?.cell ?? Cell()
        }
        var isFirst = false
        let result = cell.column.withLock { known -> Result<Column, ArchiveError> in
            if let known { return known }
            isFirst = true
            let found: Result<Column, ArchiveError>
            do throws(ArchiveError) {
                found = .success(try decode())
            } catch {
                found = .failure(error)
            }
            known = found
            return found
        }
        if isFirst { keep(result, cell, key) }
        return try result.get()
    }

    /// Counts a column that was decoded; one that could not be is tried again by whoever is next.
    private func keep(_ result: Result<Column, ArchiveError>, _ cell: Cell, _ key: Key) {
        let byteCount = (try? result.get()).map { $0.byteCount + 128 }
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
        for (key, entry) in state.entries.sorted(by: { $0.value.used < $1.value.used }) {
            guard state.byteCount > target else { return }
            guard entry.byteCount > 0 else { continue }
            state.entries[key] = nil
            state.byteCount -= entry.byteCount
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
