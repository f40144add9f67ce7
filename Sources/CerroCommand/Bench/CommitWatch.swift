internal import Foundation
internal import Telemetry

/// Sees journals grow, and syncs what it sees: what it has noted is on the disk.
struct CommitWatch {
    private struct Look {
        let path: String, size: Int, at: Duration
    }

    private let folder: String
    private let time: any TimeSource
    private var looks: [Look] = []
    private var sizes: [String: Int] = [:]

    /// A watch over the archive in `folder`.
    init(folder: String, time: any TimeSource) {
        self.folder = folder
        self.time = time
    }

    /// The journals, in order of creation.
    func journals() -> [String] {
        let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String }
        return (names ?? []).filter { $0.hasSuffix(".journal") }.sorted().map {
            folder + "/" + $0
        }
    }

    /// Looks once; true where something has grown since.
    @discardableResult
    mutating func look() -> Bool {
        var hasGrown = false
        for path in journals() {
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            defer { close(descriptor) }
            let size = Int(lseek(descriptor, 0, SEEK_END))
            guard size > sizes[path] ?? 0, fdatasync(descriptor) == 0 else { continue }
            sizes[path] = size
            looks.append(Look(path: path, size: size, at: time.monotonic))
            hasGrown = true
        }
        return hasGrown
    }

    /// Looks until nothing grows for ``Limits/benchQuiet``.
    mutating func waitUntilQuiet() async throws {
        var grown = time.monotonic
        while time.monotonic - grown < Limits.benchQuiet {
            if look() { grown = time.monotonic }
            try await time.sleep(for: .milliseconds(5))
        }
    }

    /// How long the journals are together, those that are sealed meanwhile included.
    var byteCount: Double { sizes.values.reduce(0) { $0 + Double($1) } }

    /// How long a journal is; nil for one that was not seen yet.
    func size(of path: String) -> Int? { sizes[path] }

    /// When a journal was last seen to have grown.
    var lastGrowth: Duration? { looks.last?.at }

    /// When the first `offset` bytes of a journal were seen on the disk; nil if they were not.
    func synced(beyond offset: Int, of path: String) -> Duration? {
        looks.first { $0.path == path && $0.size >= offset }?.at
    }
}
