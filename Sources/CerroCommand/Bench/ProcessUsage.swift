internal import Foundation

/// What a process has used so far, as the kernel counts it.
struct ProcessUsage: Hashable, Sendable {
    /// Processor time, in seconds, to a hundredth.
    let seconds: Double
    /// The most memory that was resident at one time, in bytes.
    let peakBytes: Int

    /// Reads `/proc`; nil where there is no such process any more.
    init?(of process: pid_t) {
        guard
            let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        else { return nil }
        self.init(stat: stat, status: status, ticks: Double(sysconf(Int32(_SC_CLK_TCK))))
    }

    /// Reads the texts of `/proc/PID/stat` and `/proc/PID/status`; nil where they are none.
    ///
    /// Source: proc(5): `utime` and `stime` are fields 14 and 15, counted from 1; the name in
    /// field 2 may hold blanks and parentheses.
    init?(stat: String, status: String, ticks: Double) {
        guard let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[11]), let system = Double(fields[12])
        else { return nil }
        seconds = (user + system) / ticks
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        let kibibytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first
        peakBytes = (kibibytes.flatMap { Int($0) } ?? 0) << 10
    }

    /// Forgets the most memory that this process had, so that what follows is measured alone.
    ///
    /// Source: proc(5), `/proc/pid/clear_refs`: 5 resets the peak to what is resident now.
    static func forgetPeak() {
        let descriptor = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = write(descriptor, "5", 1)
        close(descriptor)
    }

    /// Processor time of this process, in seconds, as exactly as the kernel knows it.
    static var processorSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
