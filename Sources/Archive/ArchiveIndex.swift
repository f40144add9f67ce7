internal import ArchiveFormat
internal import GRDB
internal import Glibc
internal import Log
internal import Telemetry

/// The SQLite file that tells which sealed file holds what, filled only from their footers.
///
/// It may be deleted at any time: filling it again is the same code as filling it at first.
final class ArchiveIndex: Sendable {
    let path: String
    let directory: ArchiveDirectory
    let pool: DatabasePool

    /// Opens the index at `path`; one that is damaged or of another version is deleted first.
    init(
        _ directory: ArchiveDirectory,
        name: String = "index.sqlite"
    ) throws(ArchiveError) {
        self.directory = directory
        path = "\(directory.path)/\(name)"
        do {
            pool = try Self.open(path)
        } catch {
            Self.delete(path)
            do {
                pool = try Self.open(path)
            } catch {
                throw .index(path: path, "cannot be opened: \(error)")
            }
        }
    }

    /// Closes the file with all that was written in it, so that it can be renamed alone.
    func close() throws(ArchiveError) {
        do {
            // SQLite leaves what it wrote last in a file beside this one, whatever closes it.
            try pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
            try pool.close()
        } catch {
            throw .index(path: path, "cannot be closed: \(error)")
        }
    }

    /// Deletes an index and what SQLite keeps beside it.
    static func delete(_ path: String) {
        for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
    }

    private static func open(_ path: String) throws -> DatabasePool {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        let pool = try DatabasePool(path: path, configuration: configuration)
        try pool.writeWithoutTransaction { db in
            // The pool has set NORMAL, with which a power cut may undo what was committed.
            try db.execute(sql: "PRAGMA synchronous = FULL")
            let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
            guard version != IndexSchema.version else { return }
            guard version == 0 else { throw ArchiveError.index(path: path, "version \(version)") }
            try db.inTransaction {
                try IndexSchema.create(db)
                return .commit
            }
        }
        return pool
    }

    func read<Result>(_ body: (Database) throws -> Result) throws(ArchiveError) -> Result {
        do {
            return try pool.read(body)
        } catch {
            throw .index(path: path, "cannot be read: \(error)")
        }
    }

    func write<Result>(_ body: (Database) throws -> Result) throws(ArchiveError) -> Result {
        do {
            return try pool.write(body)
        } catch {
            throw .index(path: path, "cannot be written: \(error)")
        }
    }
}
