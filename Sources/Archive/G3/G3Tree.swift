internal import Glibc
internal import Log

/// A file of a tree, as it is now.
struct G3File: Hashable, Sendable {
    /// The path within the tree.
    let path: String
    let size: Int
    /// When it was last changed, in nanoseconds since 1970.
    let modified: Int64
}

/// The folders and files of a tree of `.g3` files, as they are now.
struct G3Tree: Sendable {
    let root: String

    /// What a look has found.
    struct Listing {
        /// The files, by their paths; of folders that have not changed those that may have grown.
        var files: [G3File] = []
        /// When each folder was last changed, and those whose names are as they were.
        var folders: [String: Int64] = [:], unchanged: Set<String> = []
    }

    /// Lists the tree.
    ///
    /// `growing` says which files of a folder to look at, given when it was last changed, or nil
    /// for all of them.
    func list(growing: (String, Int64) -> [String]?) throws(DiskError) -> Listing {
        var listing = Listing()
        try list("", depth: 0, growing, &listing)
        listing.files.sort { $0.path < $1.path }
        return listing
    }

    /// The folder that a file is in, empty for the tree itself.
    static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }

    private func list(
        _ folder: String,
        depth: Int,
        _ growing: (String, Int64) -> [String]?,
        _ listing: inout Listing
    ) throws(DiskError) {
        guard let status = status(folder) else { throw .missing(path: "\(root)/\(folder)") }
        let modified = Self.modified(status)
        listing.folders[folder] = modified
        if let paths = growing(folder, modified) {
            listing.unchanged.insert(folder)
            for path in paths { note(path, &listing) }
        }
        for name in try SystemDisk().names(in: "\(root)/\(folder)") where name.first != "." {
            let path = folder.isEmpty ? name : "\(folder)/\(name)"
            if name.hasSuffix(".g3") {
                if !listing.unchanged.contains(folder) { note(path, &listing) }
            } else if depth < Limits.g3Depth, !name.contains("."), isFolder(path) {
                try list(path, depth: depth + 1, growing, &listing)
            }
        }
    }

    private func note(_ path: String, _ listing: inout Listing) {
        // One that went away meanwhile is found to be gone when its folder is listed next.
        guard let status = status(path) else { return }
        listing.files.append(
            G3File(path: path, size: status.st_size, modified: Self.modified(status))
        )
    }

    private func isFolder(_ path: String) -> Bool {
        status(path).map { $0.st_mode & S_IFMT == S_IFDIR } ?? false
    }

    private func status(_ path: String) -> stat? {
        var status = stat()
        return stat("\(root)/\(path)", &status) == 0 ? status : nil
    }

    private static func modified(_ status: stat) -> Int64 {
        Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    }
}
