internal import Log

/// Files and folders: as the kernel shows them, and what is on the way to the device.
struct SimulatedTree: Sendable {
    /// Stands for a folder where a file has its place in ``files``.
    static let folder = -1

    /// Names that change in one step.
    private struct Change: Sendable {
        let folder: String
        let names: [(name: String, id: Int?)]
    }

    var files: [SimulatedContent] = []
    /// By folder: the place of each file in ``files``.
    private(set) var names: [String: [String: Int]] = ["": [:], "/": [:]]
    private var durable: [String: [String: Int]] = ["": [:], "/": [:]]
    private var pending: [Change] = []

    /// The place of the file at `path`.
    func file(_ path: String) -> Int? {
        let (folder, name) = Self.split(path)
        guard let id = names[folder]?[name], id != Self.folder else { return nil }
        return id
    }

    /// The folder above is synced, as ``Disk/createFolder(_:)`` promises.
    mutating func createFolder(_ path: String) {
        let (above, _) = Self.split(path)
        guard names[path] == nil else { return syncFolder(above) }
        if !above.isEmpty, above != "/" { createFolder(above) }
        names[path] = [:]
        set(path, Self.folder)
        syncFolder(above)
    }

    mutating func create(_ path: String) throws(DiskError) -> Int {
        let (folder, name) = Self.split(path)
        guard let inside = names[folder] else { throw .missing(path: path) }
        guard inside[name] == nil else { throw .exists(path: path) }
        files.append(SimulatedContent())
        set(path, files.count - 1)
        return files.count - 1
    }

    mutating func rename(_ path: String, to target: String) throws(DiskError) {
        guard let id = file(path) else { throw .missing(path: path) }
        let (folder, name) = Self.split(path)
        let (other, new) = Self.split(target)
        precondition(folder == other, "\(path) and \(target) are in different folders")
        set(Change(folder: folder, names: [(new, id), (name, nil)]))
    }

    mutating func set(_ path: String, _ id: Int?) {
        let (folder, name) = Self.split(path)
        set(Change(folder: folder, names: [(name, id)]))
    }

    private mutating func set(_ change: Change) {
        for (name, id) in change.names { names[change.folder, default: [:]][name] = id }
        pending.append(change)
    }

    mutating func syncFolder(_ folder: String) {
        for change in pending where change.folder == folder { apply(change) }
        pending.removeAll { $0.folder == folder }
    }

    mutating func powerCut(_ random: inout SeededGenerator) {
        // Half of the time nothing of it: the journal of the file system was not written at all.
        let kept = random.below(2) == 0 ? 0 : random.below(pending.count + 1)
        for change in pending.prefix(kept) { apply(change) }
        names = durable
        for folder in names.keys.sorted() where !isReachable(folder) { names[folder] = nil }
        for id in files.indices { files[id].powerCut(&random) }
        settle()
    }

    /// All that is shown is on the device.
    mutating func settle() {
        durable = names
        pending = []
        for id in files.indices { files[id].settle() }
    }

    private mutating func apply(_ change: Change) {
        for (name, id) in change.names {
            durable[change.folder, default: [:]][name] = id
            guard id == Self.folder else { continue }
            let path = change.folder == "/" ? "/\(name)" : "\(change.folder)/\(name)"
            if durable[path] == nil { durable[path] = [:] }
        }
    }

    private func isReachable(_ folder: String) -> Bool {
        guard folder != "", folder != "/" else { return true }
        let (above, name) = Self.split(folder)
        return names[above]?[name] == Self.folder && isReachable(above)
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        let bytes = path.utf8
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return ("", path) }
        let folder = path[..<slash]
        return (folder.isEmpty ? "/" : String(folder), String(path[bytes.index(after: slash)...]))
    }
}
