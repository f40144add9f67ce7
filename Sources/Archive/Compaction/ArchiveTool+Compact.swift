internal import Log
public import SiteConfig
public import Telemetry

extension ArchiveTool {
    /// Compacts the days that are over, while nobody writes to the archive.
    ///
    /// - Parameters:
    ///   - directory: the archive; readers may have it open.
    ///   - days: the days, `2026/11/21`; all that are over if there are none.
    ///   - retention: what is removed on the way.
    ///   - reserve: the bytes of its disk that stay free.
    ///   - isDryRun: whether only to look, which needs no lock.
    ///   - holder: who does it, for a writer that is refused meanwhile.
    ///   - time: when that is.
    ///   - progress: called with the number of days done and of all.
    /// - Returns: what became of each day.
    /// - Throws: ``ArchiveError`` if somebody writes to the archive, or it cannot be listed.
    public static func compact(
        _ directory: ArchiveDirectory,
        _ days: [String] = [],
        retention: RetentionSettings,
        reserve: Int,
        isDryRun: Bool,
        holder: String,
        time: any TimeSource = SystemTimeSource(),
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(ArchiveError) -> [CompactedDay] {
        let lock = isDryRun ? nil : try directory.lock("archive.lock", holder: holder)
        defer { lock?.unlock() }
        let compactor = Compactor(
            directory: directory,
            retention: retention,
            reserve: reserve,
            time: time
        )
        let chosen = days.isEmpty ? try compactor.closedDays() : days
        var reports: [CompactedDay] = []
        for (number, day) in chosen.enumerated() {
            reports.append(compactor.compact(day, isDryRun: isDryRun))
            progress(number + 1, chosen.count)
        }
        return reports
    }
}
