internal import ArchiveFormat
internal import FoundationEssentials
internal import GRDB
internal import Glibc
internal import Log
internal import MessagePack
internal import Synchronization
internal import Telemetry

/// The SQLite file that tells which sealed file holds what, filled only from their footers.
///
/// It may be deleted at any time: filling it again is the same code as filling it at first. SQLite
/// does not notice every damage, so a checksum of the whole file stands beside it, and while it is
/// open nobody else may touch it: either is an error, after which it is filled anew.
final class ArchiveIndex: Sendable {
    private struct State {
        var database: DatabaseQueue?
        /// The file as this process has left it.
        var identity: FileIdentity?
        /// Whether its checksum beside it is that of an earlier state.
        var isDirty = false
        /// Those that queries met, by number.
        var declarations: [Int64: Feed] = [:]
        /// The unreadable file that was looked at last.
        var lastRetried = ""
    }

    let path: String
    let directory: ArchiveDirectory
    private let state = Mutex(State())

    /// Opens the index `name`; one that is not what was left there is deleted first.
    convenience init(
        _ directory: ArchiveDirectory,
        name: String = "index.sqlite"
    ) throws(ArchiveError) {
        try self.init(directory, path: "\(directory.path)/\(name)")
    }

    /// Opens the index at `path`, which need not be in the archive.
    init(_ directory: ArchiveDirectory, path: String) throws(ArchiveError) {
        self.directory = directory
        self.path = path
        if (try? isAsLeft()) != true || (try? open()) == nil { try reset() }
    }

    /// Closes the file with its checksum, so that both can be renamed.
    func close() throws(ArchiveError) {
        try seal()
        do {
            try state.withLock { state in
                try state.database?.close()
                state = State()
            }
        } catch {
            throw .index(path: path, "cannot be closed: \(error)")
        }
    }

    /// Deletes what is there and begins an empty one.
    func reset() throws(ArchiveError) {
        state.withLock { state in
            try? state.database?.close()
            state = State()
        }
        Self.delete(path)
        do {
            try open()
        } catch {
            throw .index(path: path, "cannot be opened: \(error)")
        }
    }

    /// The index at `path` for somebody who only reads it, also while a reader has it open.
    static func onlyRead(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Deletes an index and what stands beside it.
    static func delete(_ path: String) {
        for suffix in ["", "-journal", "-wal", "-shm", ".sum"] { unlink(path + suffix) }
    }

    /// Whether the file is the one whose checksum stands beside it.
    private func isAsLeft() throws -> Bool {
        let sum = try directory.disk.contents(of: path + ".sum")
        guard try String(decoding: sum, as: UTF8.self) == checksum() else { return false }
        // It was whole without them; of another file they would be read into this one.
        for suffix in ["-journal", "-wal", "-shm"] { unlink(path + suffix) }
        return true
    }

    /// What stands beside the file: its checksum, its length, and whose index it is.
    private func checksum() throws -> String {
        let file = try directory.disk.open(path, .read)
        let size = try file.size()
        var crc: UInt32 = 0
        for start in stride(from: 0, to: size, by: Limits.sealedWrite) {
            let piece = try file.bytes(start..<min(size, start + Limits.sealedWrite))
            crc = piece.withUnsafeBytes { crc32c($0, continuing: crc) }
        }
        let archive = try directory.readID() ?? "none"
        return "crc32c \(crc) of \(size) bytes, archive \(archive)\n"
    }

    /// Writes the checksum of the file beside it, if it has changed.
    func seal() throws(ArchiveError) {
        guard state.withLock({ $0.isDirty }) else { return }
        do {
            try directory.disk.replace(path + ".sum", with: Array(checksum().utf8))
            state.withLock { $0.isDirty = false }
        } catch {
            throw .index(path: path, "its checksum cannot be written: \(error)")
        }
    }

    private func open() throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        let database = try DatabaseQueue(path: path, configuration: configuration)
        let isNew = try database.writeWithoutTransaction { db in
            let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
            guard version != IndexSchema.version else { return false }
            guard version == 0 else { throw ArchiveError.index(path: path, "version \(version)") }
            try db.inTransaction {
                try IndexSchema.create(db)
                return .commit
            }
            return true
        }
        let identity = FileIdentity(path)
        state.withLock { state in
            state = State(database: database, identity: identity, isDirty: isNew)
        }
    }

    func read<Result>(_ body: (Database) throws -> Result) throws(ArchiveError) -> Result {
        let database = try database()
        do {
            // Without a transaction, which is five statements more: nobody else has the index open,
            // and its own queue changes nothing meanwhile.
            return try database.unsafeRead(body)
        } catch {
            throw .index(path: path, "cannot be read: \(error)")
        }
    }

    func write<Result>(_ body: (Database) throws -> Result) throws(ArchiveError) -> Result {
        let database = try database()
        do {
            let result = try database.write(body)
            let identity = FileIdentity(path)
            state.withLock { state in
                state.identity = identity
                state.isDirty = true
            }
            return result
        } catch {
            throw .index(path: path, "cannot be written: \(error)")
        }
    }

    /// The declaration of that number, which is decoded once.
    func declaration(_ id: Int64, _ db: Database) throws -> Feed? {
        if let known = state.withLock({ $0.declarations[id] }) { return known }
        let bytes = try Data.fetchOne(
            db.cachedStatement(sql: "SELECT bytes FROM declarations WHERE id = ?"),
            arguments: [id]
        )
        guard let bytes, let feed = Feed(try Value(messagePack: Array(bytes))) else { return nil }
        state.withLock { state in
            if state.declarations.count >= Limits.declarations { state.declarations = [:] }
            state.declarations[id] = feed
        }
        return feed
    }

    /// The one of `paths` whose turn it is to be looked at again, in their order; nil of none.
    func turn(among paths: [String]) -> String? {
        state.withLock { state in
            let last = state.lastRetried
            guard let next = paths.filter({ $0 > last }).min() ?? paths.min() else { return nil }
            state.lastRetried = next
            return next
        }
    }

    /// The database, if its file is the one that this process has left.
    ///
    /// A store calls the index under its lock, so nobody writes between the look and the use.
    private func database() throws(ArchiveError) -> DatabaseQueue {
        let (database, identity) = state.withLock { ($0.database, $0.identity) }
        guard let database, let identity, identity == FileIdentity(path) else {
            throw .index(path: path, "was changed or deleted by somebody else")
        }
        return database
    }
}

/// What tells a file from another one, or from itself before it was written.
private struct FileIdentity: Hashable {
    private let numbers: [Int]

    /// The file at `path`; nil if there is none.
    init?(_ path: String) {
        var info = stat()
        guard stat(path, &info) == 0 else { return nil }
        numbers = [
            Int(truncatingIfNeeded: info.st_dev), Int(truncatingIfNeeded: info.st_ino),
            info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec,
        ]
    }
}
