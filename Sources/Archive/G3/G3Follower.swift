internal import ArchiveFormat
internal import Log
internal import MessagePack
public import Telemetry

/// Writes what an archive has sealed into a tree of `.g3` files, each row exactly once.
///
/// It goes on where it was, however it ended: what it has written stands in a file of its own in
/// the tree, `.cerro-follow`, which is changed before a `.g3` file gets its name and when all of a
/// sealed file are there. An hour is written when it is sealed; late samples get a small file that
/// is named after their own time.
public final class G3Follower {
    fileprivate struct Done {
        /// The ids of the file and of all that it was made from.
        var ids: Set<String>
        /// The seconds that name the `.g3` files.
        var seconds: [Int64]
    }

    fileprivate struct State {
        var archive: String
        /// By the id of a sealed file.
        var done: [String: Done] = [:]
        /// `.g3` files of a sealed file that was not finished.
        var pending: [Int64] = []
    }

    private let directory: ArchiveDirectory
    private let writer: G3TreeWriter
    private let start: Timestamp
    private let isWanted: (FieldName) -> Bool
    private var state: State
    private let lock: any FolderLock
    private let disk = SystemDisk()
    /// Paths of sealed files that are all in the tree: names are unique and stay.
    private var settled: Set<String> = []

    /// A follower of an archive into the folder `root`.
    ///
    /// - Parameters:
    ///   - directory: the archive, which others write and read meanwhile.
    ///   - root: the folder of the tree.
    ///   - start: rows before it are left out.
    ///   - observatory: the first part of the addresses.
    ///   - holder: who does it, for another one that is refused.
    ///   - isWanted: which fields.
    /// - Throws: ``ArchiveError``, also where the tree is that of another archive.
    public init(
        directory: ArchiveDirectory,
        root: String,
        start: Timestamp = Timestamp(seconds: 0),
        observatory: String = "observatory",
        holder: String,
        isWanted: @escaping (FieldName) -> Bool = { _ in true }
    ) throws(ArchiveError) {
        self.directory = directory
        self.start = start
        self.isWanted = isWanted
        writer = G3TreeWriter(root: root, observatory: observatory)
        do throws(DiskError) {
            try disk.createFolder(root)
            lock = try disk.lock("\(root)/.cerro-lock", holder: holder)
        } catch {
            throw .disk(error)
        }
        state = State(archive: "")
        if let text = try? disk.contents(of: "\(root)/.cerro-follow") {
            guard let value = try? Value(messagePack: text), let read = State(value) else {
                throw .journal(
                    "\(root)/.cerro-follow: is damaged, so that nobody knows what is in the tree: "
                        + "take it from a copy, or begin with an empty folder"
                )
            }
            state = read
        }
    }

    deinit { lock.unlock() }

    /// Writes what was sealed since.
    ///
    /// - Parameters:
    ///   - progress: called with the number of sealed files done and of all that are new.
    ///   - mayGoOn: asked before each sealed file.
    /// - Returns: how many rows were written.
    /// - Throws: ``ArchiveError``; what is done stays done.
    @discardableResult
    public func step(
        progress: (Int, Int) -> Void = { _, _ in },
        mayGoOn: () -> Bool = { true }
    ) throws(ArchiveError) -> Int {
        do {
            try adopt()
            let waiting = try waiting()
            var rows = 0
            for (number, file) in waiting.enumerated() {
                guard mayGoOn() else { break }
                rows += try write(file)
                settled.insert(file.file.path)
                progress(number + 1, waiting.count)
            }
            return rows
        } catch let error as ArchiveError {
            throw error
        } catch let error as DiskError {
            throw .disk(error)
        } catch {
            throw .journal("\(writer.root): \(error)")
        }
    }

    /// Makes the tree that of this archive, and takes away what was not finished.
    private func adopt() throws {
        guard let archive = try directory.readID() else { return }
        guard state.archive == archive || state.archive.isEmpty else {
            throw ArchiveError.journal(
                "\(writer.root): follows archive \(state.archive), and this is \(archive): give "
                    + "each archive a folder of its own"
            )
        }
        state.archive = archive
        guard !state.pending.isEmpty else { return }
        for second in state.pending { try writer.remove(second) }
        state.pending = []
        try save()
    }

    /// The sealed files that are not in the tree, in the order in which they came to be.
    private func waiting() throws -> [(file: ArchiveFile, sealed: SealedFile)] {
        let known = Set(state.done.keys)
        let covered = state.done.values.reduce(into: known) { $0.formUnion($1.ids) }
        var found: [(file: ArchiveFile, sealed: SealedFile)] = []
        var replaced: Set<String> = []
        for file in try directory.files()
        where file.kind == .sealed && !settled.contains(file.path) {
            // One that cannot be opened is told by `verify`; once repaired it is another one.
            guard let sealed = try? SealedFile.open(directory.full(file), disk: directory.disk)
            else { continue }
            let footer = sealed.footer
            replaced.formUnion(footer.sources)
            if covered.contains(footer.id) {
                settled.insert(file.path)
                continue
            }
            if !footer.sources.isEmpty, footer.sources.allSatisfy(covered.contains) {
                try take(over: footer)
                settled.insert(file.path)
                continue
            }
            found.append((file, sealed))
        }
        return found.filter { !replaced.contains($0.sealed.footer.id) }
    }

    /// Notes that a file has taken the place of others whose rows are all there.
    private func take(over footer: SealedFooter) throws {
        let ids = Set(footer.sources + [footer.id])
        var seconds: [Int64] = []
        for (id, done) in state.done where !done.ids.isDisjoint(with: ids) {
            seconds += done.seconds
            state.done[id] = nil
        }
        state.done[footer.id] = Done(ids: ids, seconds: seconds)
        try save()
    }

    private func write(_ entry: (file: ArchiveFile, sealed: SealedFile)) throws -> Int {
        let footer = entry.sealed.footer
        let ids = Set(footer.sources + [footer.id])
        // Some of what it was made from is there, and some is not: it is written anew as a whole.
        let before = state.done.filter { !$0.value.ids.isDisjoint(with: ids) }
        if !before.isEmpty {
            for id in before.keys { state.done[id] = nil }
            state.pending = before.values.flatMap(\.seconds)
            try save()
            try adopt()
        }
        // so3g cuts doubles off where the first frame of a field has integers.
        let doubles = Set(
            footer.timelines.flatMap { timeline in
                timeline.feed.fields.filter { $0.type == .double }
                    .map { "\(timeline.instance).\(timeline.feed.name).\($0.name)" }
            }
        )
        var (rows, seconds) = (0, [Int64]())
        for window in windows(of: footer) {
            var second = max(window.second, 0)
            while !writer.isFree(second) { second += 1 }
            state.pending.append(second)
            try save()
            let count = try writer.write(second) { add in
                for timeline in footer.timelines {
                    if let part = try part(of: timeline, entry.sealed, window.range) {
                        try add(part.withDoubles(doubles))
                    }
                }
            }
            rows += count
            if count > 0 { seconds.append(second) }
        }
        state.done[footer.id] = Done(ids: ids, seconds: seconds)
        state.pending = []
        try save()
        return rows
    }

    private func part(
        of timeline: SealedTimeline,
        _ sealed: SealedFile,
        _ range: Range<Timestamp>
    ) throws -> G3Rows? {
        let fields = timeline.feed.fields.indices.filter { index in
            isWanted(
                FieldName(
                    instance: timeline.instance,
                    feed: timeline.feed.name,
                    field: timeline.feed.fields[index].name
                )
            )
        }
        guard !fields.isEmpty,
            timeline.groups.contains(where: {
                $0.first < range.upperBound && $0.last >= range.lowerBound
            })
        else { return nil }
        let rows = try sealed.columns(timeline, fields: fields, range: range)
        return G3Rows(
            instance: timeline.instance,
            feed: timeline.feed.name,
            start: timeline.epochs.max().map { Double($0) / 1e9 },
            timestamps: rows.timestamps,
            fields: zip(fields, rows.columns).map { (timeline.feed.fields[$0].name, $1) }
        )
    }

    /// The times of the `.g3` files that a sealed file needs: two hours each, of which the first
    /// half hour is before the second that names it.
    private func windows(
        of footer: SealedFooter
    ) -> [(second: Int64, range: Range<Timestamp>)] {
        let base = footer.receivedFrom.nanoseconds / 1_000_000_000
        let width: Int64 = 7200, lead: Int64 = 1800
        func number(_ time: Timestamp) -> Int64 {
            let seconds = time.nanoseconds / 1_000_000_000 - base + lead
            return seconds / width - (seconds % width < 0 ? 1 : 0)
        }
        var numbers: Set<Int64> = []
        for group in footer.timelines.flatMap(\.groups) where group.last >= start {
            numbers.formUnion(number(max(group.first, start))...number(group.last))
        }
        return numbers.sorted().map { number in
            let second = base + number * width
            let from = Timestamp(seconds: second - lead)
            return (second, max(from, start)..<(from + .seconds(width)))
        }
    }

    private func save() throws {
        try disk.replace("\(writer.root)/.cerro-follow", with: state.value.messagePack)
    }
}

extension G3Rows {
    /// The same rows, integers as doubles in the fields of these names.
    fileprivate func withDoubles(_ names: Set<String>) -> G3Rows {
        var rows = self
        for (index, field) in fields.enumerated()
        where names.contains("\(instance).\(feed).\(field.name)") {
            var column = ColumnBuilder(.double)
            column.append(field.column, rows: 0..<field.column.count)
            rows.fields[index].column = column.column
        }
        return rows
    }
}

extension G3Follower.State {
    fileprivate var value: Value {
        [
            "archive": .string(archive), "pending": .array(pending.map { .int($0) }),
            "done": .map(
                done.mapValues { done in
                    [
                        "ids": .array(done.ids.sorted().map { .string($0) }),
                        "seconds": .array(done.seconds.map { .int($0) }),
                    ]
                }
            ),
        ]
    }

    fileprivate init?(_ value: Value) {
        guard let archive = value["archive"]?.string, let pending = value["pending"]?.array,
            case .map(let entries)? = value["done"]
        else { return nil }
        self.init(archive: archive)
        self.pending = pending.compactMap(\.int)
        for (id, entry) in entries {
            guard let ids = entry["ids"]?.array, let seconds = entry["seconds"]?.array else {
                return nil
            }
            done[id] = G3Follower.Done(
                ids: Set(ids.compactMap(\.string)),
                seconds: seconds.compactMap(\.int)
            )
        }
    }
}
