internal import Synchronization

@testable import Log

/// A disk in memory that refuses, writes short, and forgets what was not synced.
final class MemoryDisk: Disk {
    /// What the next calls that change the disk come to.
    enum Mood: Sendable {
        case fine
        /// Every write and every new file is refused.
        case full
        /// Every call that changes something fails.
        case broken
        /// The next write writes that many bytes; then all is fine.
        case short(Int)
        /// The next sync fails; then all is fine.
        case failsToSync
        /// That many calls go well; then nothing does until the power comes back.
        case dies(after: Int)
    }

    final class Node: Sendable {
        let content = Mutex<(bytes: [UInt8], synced: Int)>(([], 0))
    }

    struct Contents {
        var nodes: [String: Node] = [:]
        var durable: [String: Node] = [:]
        var locks: [String: String] = [:]
        var mood = Mood.fine
        var generation = 0
        var syncs = 0
        var onSync: (@Sendable () -> Void)?
    }

    let contents = Mutex(Contents())

    /// How the disk behaves from now on.
    func become(_ mood: Mood) {
        contents.withLock { $0.mood = mood }
    }

    /// Takes the power away: of what was not synced a random part is left.
    func crash(using random: inout SeededRandom) {
        let keeps = random.next()
        contents.withLock { contents in
            var source = SeededRandom(seed: keeps)
            contents.generation += 1
            contents.locks = [:]
            contents.mood = .fine
            contents.nodes = contents.durable
            for (_, node) in contents.nodes.sorted(by: { $0.key < $1.key }) {
                node.content.withLock { file in
                    let kept = source.below(file.bytes.count - file.synced + 1)
                    file.bytes.removeLast(file.bytes.count - file.synced - kept)
                    file.synced = file.bytes.count
                }
            }
        }
    }

    /// Lets go of what a killed process held; what it wrote stays.
    func kill() {
        contents.withLock { contents in
            contents.generation += 1
            contents.locks = [:]
            contents.mood = .fine
        }
    }

    var syncCount: Int { contents.withLock { $0.syncs } }

    var fileNames: [String] { contents.withLock { $0.nodes.keys.sorted() } }

    func bytes(of path: String) -> [UInt8] {
        contents.withLock { $0.nodes[path]?.content.withLock { $0.bytes } ?? [] }
    }

    func set(_ bytes: [UInt8], of path: String) {
        contents.withLock { contents in
            contents.nodes[path]?.content.withLock { $0 = (bytes, bytes.count) }
        }
    }

    /// Throws where the mood says so; `isWrite` for calls that need space.
    func check(
        _ path: String,
        _ call: String,
        isWrite: Bool,
        generation: Int? = nil
    ) throws(DiskError) {
        let failed = DiskError.failed(path: path, during: call, code: 5, text: "I/O error")
        let error: DiskError? = contents.withLock { contents in
            if let generation, generation != contents.generation { return failed }
            switch contents.mood {
            case .full where isWrite: return .full(path: path, during: call)
            case .broken: return failed
            case .failsToSync where call == "fdatasync":
                contents.mood = .fine
                return failed
            case .dies(let after):
                guard after > 0 else { return failed }
                contents.mood = .dies(after: after - 1)
            default: break
            }
            return nil
        }
        if let error { throw error }
    }

    func createFolder(_ folder: String) throws(DiskError) {}

    func names(in folder: String) throws(DiskError) -> [String] {
        contents.withLock { contents in
            contents.nodes.keys.filter { $0.hasPrefix("\(folder)/") }
                .map { String($0.dropFirst(folder.count + 1)) }.sorted()
        }
    }

    func syncFolder(_ folder: String) throws(DiskError) {
        try check(folder, "fsync", isWrite: false)
        contents.withLock { contents in
            contents.durable = contents.durable.filter { !$0.key.hasPrefix("\(folder)/") }
            contents.durable.merge(
                contents.nodes.filter { $0.key.hasPrefix("\(folder)/") },
                uniquingKeysWith: { $1 }
            )
        }
    }

    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any SegmentFile {
        if case .create = mode { try check(path, "open", isWrite: true) }
        let (node, generation, isThere) = contents.withLock { contents in
            let isThere = contents.nodes[path] != nil
            if case .create = mode, !isThere { contents.nodes[path] = Node() }
            return (contents.nodes[path], contents.generation, isThere)
        }
        guard let node else { throw .missing(path: path) }
        if case .create = mode, isThere { throw .exists(path: path) }
        return MemoryFile(path: path, node: node, disk: self, generation: generation)
    }

    func remove(_ path: String) throws(DiskError) {
        let isThere = contents.withLock { $0.nodes[path] != nil }
        guard isThere else { throw .missing(path: path) }
        try check(path, "unlink", isWrite: false)
        contents.withLock { $0.nodes[path] = nil }
    }

    func rename(_ path: String, to target: String) throws(DiskError) {
        try check(path, "rename", isWrite: false)
        contents.withLock { contents in
            contents.nodes[target] = contents.nodes.removeValue(forKey: path)
        }
    }

    func lock(_ path: String, holder: String) throws(DiskError) -> any FolderLock {
        let held = contents.withLock { contents in
            let held = contents.locks[path]
            if held == nil { contents.locks[path] = holder }
            return held
        }
        if let held { throw .locked(path: path, holder: held) }
        return MemoryLock(path: path, disk: self)
    }

    func freeBytes(in folder: String) throws(DiskError) -> Int { 1 << 40 }

    func isRemote(_ folder: String) throws(DiskError) -> Bool { false }
}

private final class MemoryLock: FolderLock {
    let path: String
    let disk: MemoryDisk

    init(path: String, disk: MemoryDisk) {
        self.path = path
        self.disk = disk
    }

    func unlock() {
        disk.contents.withLock { $0.locks[path] = nil }
    }
}

private final class MemoryFile: SegmentFile {
    let path: String
    let node: MemoryDisk.Node
    let disk: MemoryDisk
    let generation: Int

    init(path: String, node: MemoryDisk.Node, disk: MemoryDisk, generation: Int) {
        self.path = path
        self.node = node
        self.disk = disk
        self.generation = generation
    }

    func size() throws(DiskError) -> Int { node.content.withLock { $0.bytes.count } }

    func append(_ pieces: [UnsafeRawBufferPointer]) throws(DiskError) -> Int {
        try disk.check(path, "write", isWrite: true, generation: generation)
        let all = pieces.flatMap { Array($0) }
        let count = disk.contents.withLock { contents in
            guard case .short(let count) = contents.mood else { return all.count }
            contents.mood = .fine
            return min(count, all.count)
        }
        node.content.withLock { $0.bytes += all[..<count] }
        return count
    }

    func read(
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) throws(DiskError) -> Int {
        node.content.withLock { file in
            let count = max(0, min(buffer.count, file.bytes.count - offset))
            if count > 0 { buffer.copyBytes(from: file.bytes[offset..<(offset + count)]) }
            return count
        }
    }

    func sync() throws(DiskError) {
        try disk.check(path, "fdatasync", isWrite: false, generation: generation)
        node.content.withLock { $0.synced = $0.bytes.count }
        let onSync = disk.contents.withLock { contents in
            contents.syncs += 1
            defer { contents.onSync = nil }
            return contents.onSync
        }
        onSync?()
    }
}

/// Random numbers that a printed seed repeats (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<max(1, bound), using: &self) }
}
