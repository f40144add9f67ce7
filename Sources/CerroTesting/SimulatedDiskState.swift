internal import Log

/// What a simulated disk knows and how it feels; its disk guards it with a lock.
struct SimulatedDiskState {
    var tree = SimulatedTree()
    var mood = SimulatedDisk.Mood.fine
    var locks: [String: String] = [:]
    /// Counts the processes that have used the disk: what an earlier one opened is closed.
    var generation = 0
    var callCount = 0, syncCount = 0, failedSyncCount = 0
    var isDead = false
    var onSync: (@Sendable () -> Void)?
    private var random: SeededGenerator

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    var paths: [String] {
        tree.names.flatMap { folder, names in
            names.filter { $0.value != SimulatedTree.folder }.map { "\(folder)/\($0.key)" }
        }.sorted()
    }

    mutating func restart() {
        generation += 1
        locks = [:]
        mood = .fine
        isDead = false
        onSync = nil
    }

    mutating func powerCut() {
        restart()
        tree.powerCut(&random)
    }

    /// Throws where a read fails.
    func checkRead(
        _ path: String,
        _ call: String,
        of opened: Int? = nil
    ) throws(DiskError) {
        if isDead || opened.map({ $0 != generation }) ?? false { throw Self.error(path, call) }
        if mood == .unreadable, call == "read" { throw Self.error(path, call) }
    }

    /// Counts a call that changes the disk and needs so many bytes; throws where it fails.
    mutating func count(
        _ path: String,
        _ call: String,
        needs byteCount: Int,
        of opened: Int? = nil
    ) throws(DiskError) {
        try checkRead(path, call, of: opened)
        callCount += 1
        switch mood {
        case .full(let after) where byteCount > after: throw .full(path: path, during: call)
        case .broken: throw Self.error(path, call)
        case .fails(let after):
            mood = after > 0 ? .fails(after: after - 1) : .fine
            guard after > 0 else { throw Self.error(path, call) }
        case .dies(let after):
            guard after > 0 else {
                isDead = true
                throw Self.error(path, call)
            }
            mood = .dies(after: after - 1)
        default: break
        }
    }

    /// Appends as much of `bytes` as the mood lets, and returns how much that is.
    mutating func append(
        _ bytes: [UInt8],
        to id: Int,
        _ path: String,
        _ opened: Int
    ) throws(DiskError) -> Int {
        do throws(DiskError) {
            try count(path, "write", needs: min(1, bytes.count), of: opened)
        } catch {
            if case .failed = error, opened == generation, mood != .broken {
                // What the last call of a dying process or disk has done.
                tree.files[id].bytes += bytes.prefix(random.below(bytes.count))
            }
            throw error
        }
        var written = bytes.count
        switch mood {
        case .short(let most):
            mood = .fine
            written = min(written, most)
        case .full(let after):
            written = min(written, after)
            mood = .full(after: after - written)
        default: break
        }
        tree.files[id].bytes += bytes.prefix(written)
        return written
    }

    /// Writes over what is there; a full disk does not mind.
    mutating func overwrite(
        _ bytes: [UInt8],
        at offset: Int,
        in id: Int,
        _ path: String,
        _ opened: Int
    ) throws(DiskError) {
        let range = offset..<(offset + bytes.count)
        precondition(range.upperBound <= tree.files[id].bytes.count, "\(path): beyond its end")
        do throws(DiskError) {
            try count(path, "write", needs: 0, of: opened)
        } catch {
            if opened == generation, mood != .broken {
                let count = random.below(bytes.count)
                tree.files[id].overwrite(bytes.prefix(count), at: offset)
            }
            throw error
        }
        tree.files[id].overwrite(bytes[...], at: offset)
    }

    /// Syncs a file; the result is who wants to know.
    mutating func sync(
        _ id: Int,
        _ path: String,
        _ opened: Int
    ) throws(DiskError) -> (@Sendable () -> Void)? {
        do throws(DiskError) {
            try count(path, "fdatasync", needs: 0, of: opened)
        } catch {
            failedSyncCount += 1
            throw error
        }
        if mood == .failsToSync {
            mood = .fine
            failedSyncCount += 1
            tree.files[id].loseDirty(isEvicted: random.below(4) == 0)
            throw Self.error(path, "fdatasync")
        }
        tree.files[id].noteSync()
        syncCount += 1
        defer { onSync = nil }
        return onSync
    }

    private static func error(_ path: String, _ call: String) -> DiskError {
        .failed(path: path, during: call, code: 5, text: "I/O error")
    }
}

/// The bytes of one file, as the kernel shows them.
struct SimulatedContent: Sendable {
    var bytes: [UInt8] = []
    /// How many of them the kernel believes to be on the device.
    var synced = 0
    /// Those of them that are not.
    var unwritten: [Range<Int>] = []
    /// What stood where bytes were overwritten since the last sync.
    private var overwritten: [(offset: Int, bytes: [UInt8])] = []

    mutating func overwrite(_ new: ArraySlice<UInt8>, at offset: Int) {
        let range = offset..<(offset + new.count)
        overwritten.append((offset, Array(bytes[range])))
        bytes.replaceSubrange(range, with: new)
    }

    /// A sync went well.
    mutating func noteSync() {
        synced = bytes.count
        overwritten = []
    }

    /// A sync has failed: what was dirty counts as clean, and may be forgotten at once.
    mutating func loseDirty(isEvicted: Bool) {
        guard synced < bytes.count else { return }
        unwritten.append(synced..<bytes.count)
        synced = bytes.count
        if isEvicted { forgetUnwritten() }
    }

    /// All that is shown is on the device.
    mutating func settle() {
        noteSync()
        unwritten = []
    }

    mutating func powerCut(_ random: inout SeededGenerator) {
        if !overwritten.isEmpty {
            // Some of the changes came to the device, in their order.
            for (offset, old) in overwritten.dropFirst(random.below(overwritten.count + 1))
                .reversed()
            {
                bytes.replaceSubrange(offset..<(offset + old.count), with: old)
            }
        }
        let tail = bytes.count - synced
        let kept = tail > 0 && random.below(2) == 0 ? random.below(tail + 1) : 0
        bytes.removeLast(tail - kept)
        forgetUnwritten()
        if kept < tail, random.below(4) == 0 {
            // The length came to the device, the bytes did not.
            bytes += [UInt8](repeating: 0, count: random.below(tail - kept))
        }
        settle()
    }

    private mutating func forgetUnwritten() {
        for range in unwritten {
            for place in range { bytes[place] = 0 }
        }
    }
}

extension SeededGenerator {
    /// A number from 0 up to, but not including, `bound`; 0 where that is 0.
    public mutating func below(_ bound: Int) -> Int {
        Int.random(in: 0..<max(1, bound), using: &self)
    }
}
