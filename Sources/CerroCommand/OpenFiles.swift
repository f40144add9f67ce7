internal import Glibc

/// How many files and connections this process may have open.
enum OpenFiles {
    /// As many as the system lets it allow itself, up to ``Limits/openFiles``.
    ///
    /// Unless asked, Debian allows 1,024: fewer than the connections that strangers may hold, and
    /// then a log could not begin its next segment.
    static func allowMany() {
        guard var limit = limits else { return }
        let most = min(limit.rlim_max, rlim_t(Limits.openFiles))
        guard limit.rlim_cur < most else { return }
        limit.rlim_cur = most
        // What is refused stays as it was.
        setrlimit(resource, &limit)
    }

    /// As many as ``allowMany()`` would get here.
    static var most: Int {
        limits.map { Int(clamping: min($0.rlim_max, rlim_t(Limits.openFiles))) } ?? 0
    }

    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)

    private static var limits: rlimit? {
        var limit = rlimit()
        return getrlimit(resource, &limit) == 0 ? limit : nil
    }
}
