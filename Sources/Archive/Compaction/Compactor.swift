internal import Log
public import SiteConfig
public import Telemetry

/// What compaction did with one day, or would do.
public struct CompactedDay: Hashable, Sendable {
    /// How it ended.
    public enum Outcome: Hashable, Sendable {
        /// There was nothing to do.
        case asItWas
        /// One file has taken the place of so many.
        case compacted(file: String, sources: Int)
        /// One file would take the place of so many: this was only a look.
        case wouldBeCompacted(sources: Int)
        /// Not yet, for this reason.
        case waits(String)
        /// It cannot be done, and the day is as it was, for this reason.
        case refused(String)
    }

    /// The day, `2026/11/21`.
    public let day: String
    /// How it ended.
    public let outcome: Outcome
    /// Bytes of the files before and behind; the same where nothing was done.
    public var bytesBefore = 0, bytesAfter = 0
    /// What retention removed.
    public var removed: [LedgerEntry] = []

    /// What became of `day`.
    package init(day: String, outcome: Outcome) {
        self.day = day
        self.outcome = outcome
    }
}

/// Makes one file of each closed day, and removes what the site file says is not to be kept.
///
/// Any step may be the last: a source is deleted only after a file that lists it was read back,
/// compared row by row and put in its place, and what a file lists counts no more. Used from one
/// thread, by who holds the lock of the archive; readers and the writer of the journal go on.
public final class Compactor {
    let directory: ArchiveDirectory
    private let retention: RetentionSettings
    private let reserve: Int
    private let time: any TimeSource
    private let limits: CompactionLimits

    /// A compactor of the archive whose lock the caller holds.
    ///
    /// `reserve` is how many bytes of the disk stay free.
    public convenience init(
        directory: ArchiveDirectory,
        retention: RetentionSettings = RetentionSettings(),
        reserve: Int = 0,
        time: any TimeSource = SystemTimeSource()
    ) {
        self.init(directory, retention, reserve: reserve, time: time, limits: CompactionLimits())
    }

    init(
        _ directory: ArchiveDirectory,
        _ retention: RetentionSettings,
        reserve: Int,
        time: any TimeSource,
        limits: CompactionLimits
    ) {
        self.directory = directory
        self.retention = retention
        self.reserve = reserve
        self.time = time
        self.limits = limits
    }

    /// The days that are over, oldest first: those before the newest that has a file.
    public func closedDays() throws(ArchiveError) -> [String] {
        let days = try directory.days()
        for (place, day) in days.enumerated().reversed()
        where try !directory.files(days: [day]).isEmpty {
            return Array(days[..<place])
        }
        return []
    }

    /// Compacts one day that is over.
    ///
    /// - Parameters:
    ///   - day: one of ``closedDays()``.
    ///   - isDryRun: whether only to look.
    ///   - mayGoOn: asked before each piece of work; once it says no, the day stays as it is.
    /// - Returns: what became of it; a day that cannot be compacted is as it was.
    public func compact(
        _ day: String,
        isDryRun: Bool = false,
        mayGoOn: () -> Bool = { true }
    ) -> CompactedDay {
        do {
            guard try closedDays().contains(day) else {
                return CompactedDay(day: day, outcome: try notClosed(day))
            }
            return try DayCompaction(self, day, limits, now: time.now).run(isDryRun, mayGoOn)
        } catch is Stopped {
            return CompactedDay(day: day, outcome: .waits("it was stopped"))
        } catch {
            return CompactedDay(day: day, outcome: .refused(directory.shortened("\(error)")))
        }
    }

    /// Why a day is none of ``closedDays()``.
    private func notClosed(_ day: String) throws(ArchiveError) -> CompactedDay.Outcome {
        let isPast = Timestamp.end(ofDay: day).map { $0 <= time.now } ?? true
        let isThere = try directory.days().contains(day)
        return isPast && !isThere
            ? .refused("there are no files of that day") : .waits("the day is not over")
    }

    /// What retention does with a day.
    func retention(of day: String) throws(ArchiveError) -> DayRetention {
        guard retention.removesAnything, let age = try age(of: day) else { return .none }
        return DayRetention(retention, age: age, pins: try directory.pins())
    }

    /// The time since the end of a day.
    ///
    /// Counted to what is received, not only by the clock: one that jumps ahead by years would
    /// remove all. It counts once it has lasted for three days of recording.
    private func age(of day: String) throws(ArchiveError) -> Duration? {
        let days = try directory.days()
        guard days.count > Limits.believedDays, let end = Timestamp.end(ofDay: day),
            let believed = Timestamp.end(ofDay: days[days.count - Limits.believedDays])
        else { return nil }
        let now = min(time.now, believed + .seconds(86_400 * (Limits.believedDays - 1)))
        return now - end
    }

    /// Throws where the disk has no room for another file of so many bytes.
    func checkRoom(for byteCount: Int) throws {
        let free: Int
        do { free = try directory.disk.freeBytes(in: directory.path) } catch { return }
        guard free < reserve + byteCount else { return }
        throw ArchiveError.journal(
            "\(free >> 20) MiB are free and the new file may need \(byteCount >> 20) MiB beside "
                + "the reserve of \(reserve >> 20) MiB: free some space"
        )
    }

    /// Somebody wants it to end.
    struct Stopped: Error {}
}

/// How much compaction does at once; tests have smaller ones.
struct CompactionLimits {
    var rows = Limits.compaction
    var files = Limits.compactedFiles
    var footerItems = Limits.compactedColumns
}

extension Timestamp {
    /// The first instant behind a day `2026/11/21`; nil if it is none.
    static func end(ofDay day: String) -> Timestamp? {
        let text = day.split(separator: "/").joined(separator: "-") + "T00:00:00Z"
        return Timestamp(iso8601: text).map { $0 + .seconds(86_400) }
    }
}
