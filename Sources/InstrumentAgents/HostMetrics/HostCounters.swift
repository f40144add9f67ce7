internal import Telemetry

/// Bytes that a disk has read and written since the machine started.
enum DiskCounters {
    /// By device, such as `nvme0n1p2`; a sector of `/proc/diskstats` is always 512 bytes.
    static func read(_ files: HostFiles) -> [String: (read: Int64, written: Int64)] {
        var counters: [String: (read: Int64, written: Int64)] = [:]
        for line in files.lines("/proc/diskstats") {
            let words = line.split(separator: " ")
            guard words.count >= 10, let read = Int64(words[5]), let written = Int64(words[9])
            else { continue }
            counters[String(words[2])] = (read &* 512, written &* 512)
        }
        return counters
    }
}

/// What a network interface has received and sent since it was made.
struct NetworkCounters: Hashable, Sendable {
    /// Bytes.
    var received: Int64, sent: Int64
    /// Packets that were lost, damaged or dropped, in both directions.
    var errors: Int64

    /// By interface, from `/proc/net/dev`.
    static func read(_ files: HostFiles) -> [String: NetworkCounters] {
        var counters: [String: NetworkCounters] = [:]
        for line in files.lines("/proc/net/dev") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let numbers = line[line.index(after: colon)...].split(separator: " ")
                .compactMap { Int64($0) }
            guard numbers.count >= 12 else { continue }
            counters[Text.trimmed(line[..<colon])] = NetworkCounters(
                received: numbers[0],
                sent: numbers[8],
                errors: numbers[2] &+ numbers[3] &+ numbers[10] &+ numbers[11]
            )
        }
        return counters
    }
}

/// What the processors have done since the machine started, in ticks.
struct ProcessorTimes: Hashable, Sendable {
    /// All ticks, and those without work.
    var total: Int64, idle: Int64

    /// From the first line of `/proc/stat`; nil where there is none.
    init?(_ files: HostFiles) {
        guard let line = files.lines("/proc/stat").first, line.hasPrefix("cpu ") else {
            return nil
        }
        // Guests are counted within user and nice already.
        let ticks = line.split(separator: " ").dropFirst().prefix(8).compactMap { Int64($0) }
        guard ticks.count >= 5 else { return nil }
        total = ticks.reduce(0, &+)
        idle = ticks[3] &+ ticks[4]
    }

    /// Per cent of the time since `before` in which the processors worked.
    func busy(since before: ProcessorTimes) -> Double? {
        let elapsed = total - before.total
        guard elapsed > 0, idle >= before.idle else { return nil }
        return min(max(100 * (1 - Double(idle - before.idle) / Double(elapsed)), 0), 100)
    }
}

/// The numbers of `/proc/meminfo`, in bytes, by their names there.
enum Memory {
    static func read(_ files: HostFiles) -> [String: Int64] {
        var numbers: [String: Int64] = [:]
        for line in files.lines("/proc/meminfo") {
            let words = line.split(separator: " ")
            guard words.count == 3, words[2] == "kB", let kibibytes = Int64(words[1]) else {
                continue
            }
            numbers[String(words[0].dropLast())] = kibibytes &* 1024
        }
        return numbers
    }
}
