internal import GRDB

/// The tables of the index, which are rebuilt rather than changed: see ``version``.
enum IndexSchema {
    /// Another number in a file means that it is deleted and filled again.
    static let version = 8

    static func create(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE files (
                    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, file TEXT NOT NULL,
                    bytes INTEGER NOT NULL, received_from INTEGER NOT NULL,
                    received_to INTEGER NOT NULL, t0 INTEGER, t1 INTEGER, rows INTEGER NOT NULL,
                    is_missing INTEGER NOT NULL DEFAULT 0, is_cut INTEGER NOT NULL,
                    stamp TEXT NOT NULL, problem TEXT);
                CREATE INDEX files_by_id ON files (file);
                CREATE INDEX lost_files ON files (id) WHERE is_missing OR problem IS NOT NULL;
                CREATE INDEX cut_files ON files (id) WHERE is_cut;
                CREATE TABLE sources (segment TEXT PRIMARY KEY, file INTEGER NOT NULL)
                    WITHOUT ROWID;
                CREATE TABLE feeds (
                    id INTEGER PRIMARY KEY, instance TEXT NOT NULL, feed TEXT NOT NULL,
                    longest INTEGER NOT NULL, parts INTEGER NOT NULL, UNIQUE (instance, feed));
                CREATE TABLE declarations (
                    id INTEGER PRIMARY KEY, feed INTEGER NOT NULL, bytes BLOB NOT NULL,
                    UNIQUE (feed, bytes));
                CREATE TABLE runs (
                    feed INTEGER NOT NULL, t0 INTEGER NOT NULL, t1 INTEGER NOT NULL,
                    file INTEGER NOT NULL, place INTEGER NOT NULL, number INTEGER NOT NULL,
                    declaration INTEGER NOT NULL, received INTEGER NOT NULL,
                    rows INTEGER NOT NULL, PRIMARY KEY (feed, t0, file, place, number))
                    WITHOUT ROWID;
                CREATE TABLE statistics (
                    feed INTEGER NOT NULL, part INTEGER NOT NULL, t0 INTEGER NOT NULL,
                    file INTEGER NOT NULL, place INTEGER NOT NULL, number INTEGER NOT NULL,
                    bytes BLOB NOT NULL, PRIMARY KEY (feed, part, t0, file, place, number))
                    WITHOUT ROWID;
                CREATE TABLE ledger (
                    file INTEGER NOT NULL, kind TEXT NOT NULL, instance TEXT NOT NULL, feed TEXT,
                    t0 INTEGER NOT NULL, t1 INTEGER NOT NULL, count INTEGER, cause TEXT NOT NULL,
                    epoch INTEGER, first INTEGER, is_of_cut INTEGER NOT NULL);
                CREATE INDEX ledger_by_time ON ledger (t0);
                CREATE TABLE reduced (
                    file INTEGER NOT NULL, place INTEGER NOT NULL, instance TEXT NOT NULL,
                    feed TEXT NOT NULL, declaration BLOB NOT NULL, rows INTEGER NOT NULL,
                    t0 INTEGER NOT NULL, t1 INTEGER NOT NULL, PRIMARY KEY (file, place))
                    WITHOUT ROWID;
                CREATE INDEX reduced_by_feed ON reduced (instance, feed, t0);
                CREATE TABLE cursors (
                    instance TEXT NOT NULL, epoch INTEGER NOT NULL, position INTEGER NOT NULL,
                    crc INTEGER NOT NULL, finished INTEGER NOT NULL,
                    PRIMARY KEY (instance, epoch)) WITHOUT ROWID;
                PRAGMA user_version = \(version);
                """
        )
    }
}
