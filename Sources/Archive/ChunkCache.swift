internal import ArchiveFormat
internal import Synchronization
internal import Telemetry

/// Decoded chunks and open files, the ones used last, bounded in bytes and in number.
final class ChunkCache: Sendable {
    private struct Key: Hashable {
        let file: String, offset: Int
    }

    private struct Entry {
        let column: Column, byteCount: Int
        var used: UInt64
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var byteCount = 0
        var files: [String: (file: SealedFile, used: UInt64)] = [:]
        var clock: UInt64 = 0
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
            state.files[path] = (file, state.clock)
            guard state.files.count > fileLimit else { return }
            // Half at once: to look for the oldest each time would cost more than to open it.
            let oldest = state.files.sorted { $0.value.used < $1.value.used }
            for (path, _) in oldest.prefix(fileLimit / 2) { state.files[path] = nil }
        }
        return file
    }

    /// The files that are open.
    var openPaths: [String] { state.withLock { Array($0.files.keys) } }

    /// Forgets a file that was deleted, moved or replaced.
    func forget(_ path: String) {
        state.withLock { $0.files[path] = nil }
    }

    /// The decoded column of `chunk` of a file, decoded by `decode` if it is not there.
    func column(
        _ chunk: Chunk,
        of file: SealedFile,
        decode: () throws(ArchiveError) -> Column
    ) throws(ArchiveError) -> Column {
        let key = Key(file: file.footer.id, offset: chunk.offset)
        let known = state.withLock { state -> Column? in
            state.clock += 1
            state.entries[key]?.used = state.clock
            return state.entries[key]?.column
        }
        if let known { return known }
        let column = try decode()
        let byteCount = column.byteCount + 128
        state.withLock { state in
            guard state.entries[key] == nil else { return }
            state.entries[key] = Entry(column: column, byteCount: byteCount, used: state.clock)
            state.byteCount += byteCount
            if state.byteCount > byteLimit { evict(&state) }
        }
        return column
    }

    /// How many bytes are held now.
    var byteCount: Int { state.withLock { $0.byteCount } }

    /// Gives back a quarter at once, so that the order is worked out rarely.
    private func evict(_ state: inout State) {
        let target = byteLimit / 4 * 3
        for (key, entry) in state.entries.sorted(by: { $0.value.used < $1.value.used }) {
            guard state.byteCount > target else { return }
            state.entries[key] = nil
            state.byteCount -= entry.byteCount
        }
    }
}
