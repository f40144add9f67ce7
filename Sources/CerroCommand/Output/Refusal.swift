internal import Foundation

/// What the kernel does not let this user read, for the person who wanted to.
struct Refusal: CustomStringConvertible {
    /// Who asks.
    let user: String
    /// The path that was asked for.
    let path: String
    /// What stands in the way: the path itself, or a folder above it.
    let barrier: String
    /// To whom that belongs; nil where nobody knows.
    let owner: String?

    /// The refusal of `path` to this process.
    init(of path: String) {
        self.init(of: path, to: Self.name(geteuid())) { path in
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            return Self.name(status.st_uid)
        }
    }

    /// The refusal of `path` to `user`; `owner` is nil for what cannot be looked at.
    init(of path: String, to user: String, owner: (String) -> String?) {
        (self.user, self.path) = (user, path)
        var barrier = URL(fileURLWithPath: path).standardizedFileURL
        // What lies in a folder that may not be entered cannot be looked at either.
        while owner(barrier.path) == nil, barrier.path != "/" { barrier.deleteLastPathComponent() }
        self.barrier = barrier.path
        self.owner = owner(barrier.path)
    }

    /// What may not be read, by whom, why, and what to do.
    var description: String {
        let isItself = barrier == URL(fileURLWithPath: path).standardizedFileURL.path
        let place = isItself ? "it" : barrier
        guard let owner, owner != user else {
            return "\(path) may not be read by user \(user). Look at the permissions of \(place)"
        }
        return "\(path) may not be read by user \(user): \(place) belongs to \(owner). Run this "
            + "as \(owner), or give user \(user) access to \(place)"
    }

    private static func name(_ id: uid_t) -> String {
        getpwuid(id).map { String(cString: $0.pointee.pw_name) } ?? String(id)
    }
}
