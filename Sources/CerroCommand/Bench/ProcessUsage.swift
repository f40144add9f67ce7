internal import Foundation

/// What a process has used so far, as the kernel counts it.
struct ProcessUsage: Hashable, Sendable {
    /// Processor time, in seconds.
    let seconds: Double
    /// The memory that is resident, that part of it that no other process and no file shares, and
    /// the most that was resident at one time; in bytes.
    let residentBytes: Int, anonymousBytes: Int, peakBytes: Int

    /// Asks the kernel; nil where there is no such process any more.
    init?(of process: pid_t) {
        var clock = clockid_t()
        var used = timespec()
        guard clock_getcpuclockid(process, &clock) == 0, clock_gettime(clock, &used) == 0,
            let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        else { return nil }
        self.init(seconds: Double(used.tv_sec) + Double(used.tv_nsec) / 1e9, status: status)
    }

    /// Reads the text of `/proc/PID/status`; what it does not tell is 0.
    ///
    /// Source: proc(5): the sizes stand in KiB.
    init(seconds: Double, status: String) {
        func bytes(_ name: String) -> Int {
            let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
            let kibibytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first
            return (kibibytes.flatMap { Int($0) } ?? 0) << 10
        }
        self.seconds = seconds
        residentBytes = bytes("VmRSS")
        anonymousBytes = bytes("RssAnon")
        peakBytes = bytes("VmHWM")
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
