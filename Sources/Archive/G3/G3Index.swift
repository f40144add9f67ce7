internal import ArchiveFormat
internal import FoundationEssentials
internal import GRDB
internal import MessagePack
internal import Synchronization
internal import Telemetry

/// The SQLite file that tells which `.g3` file of a tree holds what.
///
/// It stands in the archive's folder, never in the tree, and may be deleted at any time: it is
/// filled from the files alone. What it says of a place is compared with the frame that is there,
/// and once it makes no sense it is damaged, until it is begun anew.
final class G3Index: Sendable {
    /// A file as it was when it was scanned.
    struct Known: Sendable {
        var size: Int, modified: Int64
        var state: G3FileScan.State
    }

    private struct State {
        /// Nil where it could not be opened.
        var database: DatabaseQueue?
        var isDamaged = false
    }

    let path: String
    private let state = Mutex(State())
    private static let version = 1

    /// Whether what stands in it made no sense since it was opened: it has to be filled again.
    var isDamaged: Bool { state.withLock { $0.isDamaged } }

    /// Opens the index at `path`; one that cannot be used is deleted first.
    init(_ path: String) throws(ArchiveError) {
        self.path = path
        if let database = try? Self.open(path) {
            state.withLock { $0.database = database }
        } else {
            try reset()
        }
    }

    /// Deletes what is there and begins an empty one.
    func reset() throws(ArchiveError) {
        do {
            try state.withLock { state in
                try? state.database?.close()
                state = State(isDamaged: true)
                ArchiveIndex.delete(path)
                state = State(database: try Self.open(path))
            }
        } catch {
            throw .index(path: path, "cannot be opened: \(error)")
        }
    }

    private static func open(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        let database = try DatabaseQueue(path: path, configuration: configuration)
        try database.write { db in
            let found = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
            guard found != version else { return }
            guard found == 0 else { throw ArchiveError.index(path: path, "version \(found)") }
            try db.execute(sql: tables)
        }
        return database
    }

    private static let tables = """
        CREATE TABLE files (
            id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, size INTEGER NOT NULL,
            modified INTEGER NOT NULL, offset INTEGER NOT NULL, seal INTEGER NOT NULL,
            newest INTEGER, providers BLOB NOT NULL);
        CREATE TABLE feeds (
            id INTEGER PRIMARY KEY, instance TEXT NOT NULL, feed TEXT NOT NULL,
            longest INTEGER NOT NULL, UNIQUE (instance, feed));
        CREATE TABLE declarations (
            id INTEGER PRIMARY KEY, feed INTEGER NOT NULL, bytes BLOB NOT NULL,
            UNIQUE (feed, bytes));
        CREATE TABLE parts (
            feed INTEGER NOT NULL, t0 INTEGER NOT NULL, t1 INTEGER NOT NULL,
            file INTEGER NOT NULL, number INTEGER NOT NULL, declaration INTEGER NOT NULL,
            rows INTEGER NOT NULL, places BLOB NOT NULL,
            PRIMARY KEY (feed, t0, file, number)) WITHOUT ROWID;
        CREATE INDEX parts_of_file ON parts (file);
        CREATE TABLE damage (
            file INTEGER NOT NULL, start INTEGER NOT NULL, t0 INTEGER NOT NULL,
            t1 INTEGER NOT NULL, is_cut INTEGER NOT NULL, cause TEXT NOT NULL);
        CREATE INDEX damage_of_file ON damage (file);
        PRAGMA user_version = \(version);
        """

    func read<Result>(_ body: (Database) throws -> Result) throws(ArchiveError) -> Result {
        do {
            return try database().read(body)
        } catch {
            note(error)
            throw .index(path: path, "cannot be read: \(error)")
        }
    }

    func write(_ body: (Database) throws -> Void) throws(ArchiveError) {
        do {
            try database().write(body)
        } catch {
            note(error)
            throw .index(path: path, "cannot be written: \(error)")
        }
    }

    /// A disk that is full or refuses does not make what stands in the file wrong.
    private func note(_ error: any Error) {
        let code = (error as? DatabaseError)?.resultCode.primaryResultCode
        let damage: [ResultCode?] = [nil, .SQLITE_CORRUPT, .SQLITE_ERROR, .SQLITE_NOTADB]
        if damage.contains(code) { state.withLock { $0.isDamaged = true } }
    }

    private func database() throws(ArchiveError) -> DatabaseQueue {
        guard let database = state.withLock({ $0.database }) else {
            throw .index(path: path, "is not open")
        }
        return database
    }

    /// The files that were scanned, by their paths within the tree.
    func files() throws(ArchiveError) -> [String: Known] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM files").reduce(into: [:]) { files, row in
                let providers = try Value(messagePack: Array(row["providers"] as Data))
                files[row["path"]] = Known(
                    size: row["size"],
                    modified: row["modified"],
                    state: G3FileScan.State(
                        offset: row["offset"],
                        seal: UInt32(truncatingIfNeeded: row["seal"] as Int64),
                        providers: providers.providers,
                        newest: row["newest"]
                    )
                )
            }
        }
    }
}

extension G3Index {
    /// Enters a scan of a file; one that went on from `start` adds to what is known.
    static func enter(
        _ scan: G3FileScan,
        of path: String,
        size: Int,
        modified: Int64,
        from start: Int,
        _ db: Database
    ) throws {
        if start == 0 { try forget(path, db) }
        try db.execute(
            sql: """
                INSERT INTO files (path, size, modified, offset, seal, newest, providers)
                VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET
                size = excluded.size, modified = excluded.modified, offset = excluded.offset,
                seal = excluded.seal, newest = excluded.newest, providers = excluded.providers
                """,
            arguments: [
                path, size, modified, scan.state.offset, Int64(scan.state.seal),
                scan.state.newest, Data(Value(providers: scan.state.providers).messagePack),
            ]
        )
        let file = try Int64.fetchOne(
            db,
            sql: "SELECT id FROM files WHERE path = ?",
            arguments: [path]
        )
        guard let file else { return }
        // What was no frame at the end of a shorter file may be one now.
        try db.execute(
            sql: "DELETE FROM damage WHERE file = ? AND start >= ?",
            arguments: [file, start]
        )
        let before = try Int.fetchOne(
            db,
            sql: "SELECT count(*) FROM parts WHERE file = ?",
            arguments: [file]
        )
        for (number, part) in scan.parts.enumerated() {
            try enter(part, number: number + (before ?? 0), file: file, db)
        }
        for damage in scan.damage {
            let start = damage.before ?? damage.after ?? modified
            try db.execute(
                sql: "INSERT INTO damage VALUES (?, ?, ?, ?, ?, ?)",
                arguments: [
                    file, damage.range.lowerBound, start, max(start, damage.after ?? modified),
                    damage.isCut, "\(path): \(damage.error)",
                ]
            )
        }
    }

    /// Takes out what is known of a file.
    static func forget(_ path: String, _ db: Database) throws {
        for table in ["parts", "damage"] {
            try db.execute(
                sql: "DELETE FROM \(table) WHERE file = (SELECT id FROM files WHERE path = ?)",
                arguments: [path]
            )
        }
        try db.execute(sql: "DELETE FROM files WHERE path = ?", arguments: [path])
    }

    private static func enter(
        _ part: G3Part,
        number: Int,
        file: Int64,
        _ db: Database
    ) throws {
        let (first, last) = (part.first, part.last)
        let (span, overflow) = last.subtractingReportingOverflow(first)
        try db.cachedStatement(
            sql: """
                INSERT INTO feeds (instance, feed, longest) VALUES (?, ?, ?)
                ON CONFLICT DO UPDATE SET longest = max(longest, excluded.longest)
                """
        ).execute(arguments: [part.address.instance, part.address.feed, overflow ? .max : span])
        let feed = try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT id FROM feeds WHERE instance = ? AND feed = ?"),
            arguments: [part.address.instance, part.address.feed]
        )
        let bytes = Data(part.feed.value.messagePack)
        try db.cachedStatement(
            sql: "INSERT OR IGNORE INTO declarations (feed, bytes) VALUES (?, ?)"
        ).execute(arguments: [feed, bytes])
        let declaration = try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT id FROM declarations WHERE feed = ? AND bytes = ?"),
            arguments: [feed, bytes]
        )
        try db.cachedStatement(sql: "INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?)").execute(
            arguments: [
                feed, first, last, file, number, declaration, part.rows,
                Data(G3Place.packed(part.places)),
            ]
        )
    }
}

extension Value {
    /// Addresses of providers by id.
    fileprivate init(providers: [Int64: String]) {
        self = .map(
            Dictionary(providers.map { (String($0), .string($1)) }) { $1 }
        )
    }

    fileprivate var providers: [Int64: String] {
        guard case .map(let map) = self else { return [:] }
        return map.reduce(into: [:]) { providers, entry in
            if let id = Int64(entry.key) { providers[id] = entry.value.string }
        }
    }
}
