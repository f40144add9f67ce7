internal import ArchiveFormat
internal import Log
internal import Telemetry

/// The chunks of sealed files that could not be read, each as a row of the ledger, and files whose
/// ends are damaged, which costs nothing.
///
/// They are found by the queries that need them, and forgotten when the file is another one or its
/// bytes are right again.
struct DamageTable {
    private struct Key: Hashable {
        let path: String, offset: Int
    }

    private struct Entry {
        let chunk: Chunk, row: LedgerEntry
        /// Whether its bytes may be put right in place: not so if they are as they were written.
        let mayHeal: Bool
    }

    private var entries: [Key: Entry] = [:]
    /// What is wrong with the ends of files that are read all the same, by path.
    private var flaws: [String: String] = [:]
    /// The chunks that wait to be looked at again.
    private var queue: [Key] = []
    /// The file whose ends were looked at last.
    private var lastPath = ""

    /// The rows, in the order of files and of places in them.
    var rows: [LedgerEntry] {
        entries.sorted { ($0.key.path, $0.key.offset) < ($1.key.path, $1.key.offset) }
            .map(\.value.row)
    }

    /// What is wrong, as lines for people.
    var problems: [String] {
        flaws.sorted { $0.key < $1.key }.map(\.value) + rows.map(\.cause)
    }

    /// The files, relative to the archive.
    var paths: [String] { Array(Set(entries.keys.map(\.path) + flaws.keys)) }

    /// Enters a chunk of the file at `path`.
    mutating func note(_ chunk: Chunk, in path: String, row: LedgerEntry, mayHeal: Bool) {
        let key = Key(path: path, offset: chunk.offset)
        guard entries[key] == nil else { return }
        // Beyond the limit the oldest knowledge goes: whoever needs those rows finds it again.
        if entries.count >= Limits.damagedChunks, let other = entries.keys.first {
            entries[other] = nil
        }
        entries[key] = Entry(chunk: chunk, row: row, mayHeal: mayHeal)
    }

    /// Enters what is wrong with the ends of the file at `path`; nothing if `flaw` is nil.
    mutating func note(_ flaw: String?, in path: String) {
        guard let flaw, flaws.count < Limits.damagedChunks else { return }
        flaws[path] = flaw
    }

    /// Forgets what was found in the file at `path`.
    mutating func forget(_ path: String) {
        flaws[path] = nil
        entries = entries.filter { $0.key.path != path }
    }

    /// Forgets the chunks whose bytes are right again, some at a time, and one of the files.
    ///
    /// - Returns: the path of that file, which is another one now.
    mutating func lookAgain(_ directory: ArchiveDirectory) -> String? {
        if queue.isEmpty {
            queue = entries.filter(\.value.mayHeal).map(\.key)
                .sorted { ($0.path, $0.offset) > ($1.path, $1.offset) }
        }
        for key in queue.suffix(Limits.recheckedChunks) {
            guard let chunk = entries[key]?.chunk,
                let file = try? directory.disk.open(directory.full(key.path), .read),
                let bytes = try? file.bytes(chunk.offset..<(chunk.offset + chunk.byteCount)),
                bytes.withUnsafeBytes({ crc32c($0) }) == chunk.checksum
            else { continue }
            entries[key] = nil
        }
        queue.removeLast(min(queue.count, Limits.recheckedChunks))
        // Files take turns in the order of their paths.
        guard let path = flaws.keys.filter({ $0 > lastPath }).min() ?? flaws.keys.min() else {
            return nil
        }
        lastPath = path
        guard
            let file = try? SealedFile.open(directory.full(path), disk: directory.disk),
            file.flaws.isEmpty
        else { return nil }
        flaws[path] = nil
        return path
    }
}
