internal import ArchiveFormat

/// An epoch whose records may still be in the folder.
struct EpochEntry: Hashable, Sendable {
    let epoch: Int64
    /// The boot of the machine during which it was written; ``unknownBoot`` where the table of
    /// epochs could not be read.
    let bootID: String
    /// Whether all of it was synced before the log let go of it.
    var isClosed = false
    /// Its last position, where it was closed.
    var last: Int64?
    static let unknownBoot = "unread"

    /// What was in memory when the process ended.
    var memory: MemoryNote?

    /// Whether an archive that has all of its records has yet to be told that more is missing.
    func isUntold(under bootID: String) -> Bool {
        memory != nil || !isClosed && self.bootID != bootID
    }

    /// Its lines in the table.
    var lines: [String] {
        let last = last.map { " \($0)" } ?? ""
        let line = "\(epoch) \(bootID) \(isClosed ? "closed" : "open")\(last)"
        return [line] + (memory?.lines ?? [])
    }
}

/// How far an archive has committed.
struct Progress: Hashable, Sendable {
    var epoch: Int64, position: Int64
}

/// What the table of commits has of an archive.
struct Commit: Hashable, Sendable {
    var progress: Progress
    /// The oldest record that was held when the archive became known though it had been here
    /// before, until it is beyond that.
    var knownFrom: Progress?

    init(_ progress: Progress, knownFrom: Progress? = nil) {
        self.progress = progress
        let isBehind = knownFrom.map {
            (progress.epoch, progress.position) < ($0.epoch, $0.position)
        }
        self.knownFrom = isBehind == true ? knownFrom : nil
    }

    /// The numbers of its line.
    fileprivate var numbers: [Int64] {
        [progress.epoch, progress.position]
            + (knownFrom.map { [$0.epoch, $0.position] } ?? [])
    }
}

/// The three small files of a log: lines of words in a frame, so that damage is noticed and people
/// can read them, and the same frame again; each is replaced in one step.
enum LogTables {
    static let epochs = "epoch"
    static let commits = "commits"
    /// The newest epochs that began here, whether they wrote anything or not.
    static let starts = "starts"
    /// The first line of each.
    static let headline = "cerro log"

    static func encode(_ epochs: [EpochEntry]) -> [UInt8] {
        framed(epochs.flatMap(\.lines))
    }

    static func encode(_ commits: [String: Commit]) -> [UInt8] {
        framed(
            commits.sorted { $0.key < $1.key }.map { archive, commit in
                ([archive] + commit.numbers.map(String.init)).joined(separator: " ")
            }
        )
    }

    static func epochs(_ bytes: [UInt8]) -> [EpochEntry] {
        var entries: [EpochEntry] = []
        for words in lines(bytes) {
            if let note = MemoryNote(words) {
                if let last = entries.indices.last { entries[last].memory = note }
            } else if words.count >= 3, let epoch = Int64(words[0]) {
                entries.append(
                    EpochEntry(
                        epoch: epoch,
                        bootID: String(words[1]),
                        isClosed: words[2] == "closed",
                        last: words.count > 3 ? Int64(words[3]) : nil
                    )
                )
            } else if let last = entries.indices.last {
                entries[last].memory?.take(words)
            }
        }
        return entries
    }

    static func commits(_ bytes: [UInt8]) -> [String: Commit] {
        var commits: [String: Commit] = [:]
        for words in lines(bytes) where words.count == 3 || words.count == 5 {
            let numbers = words.dropFirst().compactMap { Int64($0) }
            guard numbers.count == words.count - 1 else { continue }
            let places = stride(from: 0, to: numbers.count, by: 2).map {
                Progress(epoch: numbers[$0], position: numbers[$0 + 1])
            }
            commits[String(words[0])] = Commit(places[0], knownFrom: places.dropFirst().first)
        }
        return commits
    }

    /// The epoch before which not all is known, by a line of `starts`; 0 where all is.
    static func since(_ bytes: [UInt8]) -> Int64 {
        let line = lines(bytes).first { $0.count == 2 && $0[0] == "since" }
        return line.flatMap { Int64($0[1]) } ?? 0
    }

    /// Writes the newest of `starts`, and tells whether the disk took that.
    static func save(
        starts: [Int64],
        since: Int64,
        _ bootID: String,
        _ folder: String,
        _ disk: any Disk
    ) -> Bool {
        let newest = starts.suffix(Limits.predecessors).map {
            EpochEntry(epoch: $0, bootID: bootID)
        }
        let lines = newest.flatMap(\.lines) + (since > 0 ? ["since \(since)"] : [])
        return (try? disk.replace("\(folder)/\(Self.starts)", with: framed(lines))) != nil
    }

    /// The bytes of a table, none where there is no such file; nil where it cannot be read or is
    /// damaged: it has a headline at least.
    static func contents(of name: String, in folder: String, _ disk: any Disk) -> [UInt8]? {
        do throws(DiskError) {
            let file = try disk.open("\(folder)/\(name)", .read)
            let bytes = try file.bytes(0..<min(Limits.table, file.size()))
            return lines(bytes).isEmpty ? nil : bytes
        } catch {
            if case .missing = error { return [] }
            return nil
        }
    }

    /// The table of commits in a folder, empty where there is none; nil where it cannot be read.
    static func commits(in folder: String, _ disk: any Disk) -> [String: Commit]? {
        do throws(DiskError) {
            return commits(try disk.contents(of: "\(folder)/\(commits)"))
        } catch {
            if case .missing = error { return [:] }
            return nil
        }
    }

    static func framed(_ lines: [String], copies: Int = 2) -> [UInt8] {
        var bytes: [UInt8] = []
        // A frame is never empty, and neither is a file with a headline.
        let text = ([headline] + lines).map { $0 + "\n" }.joined()
        // Twice: one bit that flips is one copy, and nothing is lost.
        for _ in 0..<copies {
            Array(text.utf8).withUnsafeBytes { _ = Frame.append($0, to: &bytes) }
        }
        return bytes
    }

    static func lines(_ bytes: [UInt8]) -> [[Substring]] {
        bytes.withUnsafeBytes { buffer in
            var scanner = FrameScanner(buffer)
            while let item = scanner.next() {
                guard case .frame(_, let payload, _) = item else { continue }
                return String(decoding: payload, as: UTF8.self).split(separator: "\n").map {
                    $0.split(separator: " ")
                }
            }
            return []
        }
    }
}
