import Log
import Synchronization

/// A disk in memory, which forgets at a power cut what was not synced, and fails when told.
final class MemoryDisk: Disk {
    /// What a call that is counted does when its turn has come.
    enum Failure: Sendable {
        /// It fails, and so does every later one: the process is dead.
        case death
        /// It fails once; a write leaves half of its bytes.
        case once
    }

    fileprivate struct File {
        var bytes: [UInt8] = []
        var synced = 0
    }

    fileprivate struct State {
        var files: [Int: File] = [:]
        var entries: [String: Int] = [:]
        var durable: [String: Int] = [:]
        var folders: Set<String> = []
        var calls = 0
        var failing: (call: Int, failure: Failure)?
    }

    fileprivate let state = Mutex(State())

    /// How many calls that change the disk were made.
    var calls: Int { state.withLock { $0.calls } }

    /// Lets the call after so many others fail.
    func fail(after calls: Int, _ failure: Failure) {
        state.withLock { $0.failing = ($0.calls + calls + 1, failure) }
    }

    /// Ends all failures; after a power cut what was not synced is gone.
    func restart(powerCut: Bool) {
        state.withLock { state in
            state.failing = nil
            guard powerCut else { return }
            state.entries = state.durable
            for (id, file) in state.files {
                state.files[id]?.bytes = Array(file.bytes.prefix(file.synced))
            }
        }
    }

    /// Changes the bytes of a file behind everybody's back.
    func damage(_ path: String, _ change: (inout [UInt8]) -> Void) {
        state.withLock { state in
            guard let id = state.entries[path], var file = state.files[id] else { return }
            change(&file.bytes)
            file.synced = file.bytes.count
            state.files[id] = file
        }
    }

    /// The paths of all files.
    var paths: [String] { state.withLock { $0.entries.keys.sorted() } }

    fileprivate static func count(_ state: inout State, _ path: String) throws(DiskError) {
        state.calls += 1
        guard let failing = state.failing else { return }
        let isDue: Bool =
            switch failing.failure {
            case .death: state.calls >= failing.call
            case .once: state.calls == failing.call
            }
        if isDue { throw .failed(path: path, during: "call", code: 5, text: "told to fail") }
    }

    fileprivate func change<Result: Sendable>(
        _ path: String,
        _ body: (inout State) throws(DiskError) -> Result
    ) throws(DiskError) -> Result {
        let result = state.withLock { state -> Swift.Result<Result, DiskError> in
            do throws(DiskError) {
                try Self.count(&state, path)
                return .success(try body(&state))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    func createFolder(_ folder: String) throws(DiskError) {
        try change(folder) { state in
            var path = folder
            while !path.isEmpty {
                state.folders.insert(path)
                guard let slash = path.lastIndex(of: "/") else { break }
                path = String(path[..<slash])
            }
        }
    }

    func names(in folder: String) throws(DiskError) -> [String] {
        let (isThere, paths) = state.withLock { state in
            (state.folders.contains(folder), Array(state.entries.keys) + Array(state.folders))
        }
        guard isThere else { throw .missing(path: folder) }
        let names = paths.filter { $0.hasPrefix(folder + "/") }
            .compactMap { $0.dropFirst(folder.count + 1).split(separator: "/").first }
        return Set(names.map(String.init)).sorted()
    }

    func syncFolder(_ folder: String) throws(DiskError) {
        try change(folder) { state in
            func isHere(_ path: String) -> Bool {
                path.hasPrefix(folder + "/") && !path.dropFirst(folder.count + 1).contains("/")
            }
            state.durable = state.durable.filter { !isHere($0.key) }
            for (path, id) in state.entries where isHere(path) { state.durable[path] = id }
        }
    }

    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any SegmentFile {
        if mode == .create {
            let id = try change(path) { state throws(DiskError) in
                guard state.entries[path] == nil else { throw .exists(path: path) }
                let id = state.files.count
                state.files[id] = File()
                state.entries[path] = id
                return id
            }
            return MemoryFile(disk: self, path: path, id: id)
        }
        guard let id = state.withLock({ $0.entries[path] }) else { throw .missing(path: path) }
        return MemoryFile(disk: self, path: path, id: id)
    }

    func remove(_ path: String) throws(DiskError) {
        try change(path) { state throws(DiskError) in
            guard state.entries.removeValue(forKey: path) != nil else {
                throw .missing(path: path)
            }
        }
    }

    func rename(_ path: String, to target: String) throws(DiskError) {
        try change(path) { state throws(DiskError) in
            guard let id = state.entries.removeValue(forKey: path) else {
                throw .missing(path: path)
            }
            state.entries[target] = id
        }
    }

    func lock(_ path: String, holder: String) throws(DiskError) -> any FolderLock { NoLock() }
    func freeBytes(in folder: String) throws(DiskError) -> Int { 1 << 40 }
    func isRemote(_ folder: String) throws(DiskError) -> Bool { folder.hasPrefix("/nfs") }
}

private final class NoLock: FolderLock {
    func unlock() {}
}

private final class MemoryFile: SegmentFile {
    let disk: MemoryDisk
    let path: String
    let id: Int

    init(disk: MemoryDisk, path: String, id: Int) {
        self.disk = disk
        self.path = path
        self.id = id
    }

    func size() throws(DiskError) -> Int {
        disk.state.withLock { [id] in $0.files[id]?.bytes.count ?? 0 }
    }

    func append(_ pieces: [UnsafeRawBufferPointer]) throws(DiskError) -> Int {
        let bytes = pieces.flatMap { Array($0) }
        do throws(DiskError) {
            return try disk.change(path) { [id] state in
                state.files[id]?.bytes += bytes
                return bytes.count
            }
        } catch {
            // What a dying disk took of it.
            disk.state.withLock { [id] in
                $0.files[id]?.bytes += bytes.prefix(bytes.count / 2)
            }
            throw error
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(DiskError) -> Int {
        let bytes = disk.state.withLock { [id] state in
            Array((state.files[id]?.bytes ?? []).dropFirst(offset).prefix(buffer.count))
        }
        buffer.copyBytes(from: bytes)
        return bytes.count
    }

    func sync() throws(DiskError) {
        try disk.change(path) { [id] state in
            let count = state.files[id]?.bytes.count ?? 0
            state.files[id]?.synced = count
        }
    }
}
