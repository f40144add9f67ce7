internal import Foundation

/// One process and no other: numbers of processes are used again, so its begin belongs to it.
///
/// Source: `proc_pid_stat(5)`: the state is field 3, the begin in ticks since the machine started
/// field 22; the name in field 2 may hold anything, so fields are counted behind its bracket.
struct ProcessIdentity: Hashable, Sendable {
    /// The number of the process.
    let pid: pid_t
    /// When it began, in ticks since the machine started.
    let start: Int64
    /// Which start of the machine that counts from.
    let boot: String

    /// An identity as it was noted.
    init(pid: pid_t, start: Int64, boot: String) {
        (self.pid, self.start, self.boot) = (pid, start, boot)
    }

    /// The process of that number, nil if there is none; one that has ended and that nobody has
    /// waited for is there still.
    init?(of pid: pid_t) {
        guard let fields = Self.fields(of: pid), let start = Int64(fields[19]) else { return nil }
        self.init(pid: pid, start: start, boot: InstanceRunner.bootID)
    }

    /// How long ago it began, to a hundredth of a second.
    var age: Duration {
        var now = timespec()
        clock_gettime(CLOCK_BOOTTIME, &now)
        let ticks = max(1, sysconf(Int32(_SC_CLK_TCK)))
        return .seconds(now.tv_sec) + .nanoseconds(now.tv_nsec) - .seconds(1) * Double(start)
            / Double(ticks)
    }

    /// Whether it has not ended.
    var isRunning: Bool {
        guard let fields = Self.fields(of: pid), Int64(fields[19]) == start else { return false }
        return boot == InstanceRunner.bootID && !["Z", "X"].contains(fields[0])
    }

    private static func fields(of pid: pid_t) -> [Substring]? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let bracket = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: bracket)...].split(separator: " ")
        return fields.count > 19 ? fields : nil
    }

    /// The processes of this user that run now, by their arguments without the program's name.
    static func running() -> [[String]: ProcessIdentity] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        var found: [[String]: ProcessIdentity] = [:]
        for pid in names.compactMap({ pid_t($0) }) {
            var status = stat()
            guard stat("/proc/\(pid)", &status) == 0, status.st_uid == geteuid(),
                let line = try? Data(contentsOf: URL(filePath: "/proc/\(pid)/cmdline")),
                let identity = ProcessIdentity(of: pid), identity.isRunning
            else { continue }
            let words = line.split(separator: 0, omittingEmptySubsequences: false).dropLast()
            found[words.dropFirst().map { String(decoding: $0, as: UTF8.self) }] = identity
        }
        return found
    }
}
