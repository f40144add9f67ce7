internal import Archive
internal import ArgumentParser
internal import Foundation
internal import SiteConfig
internal import Telemetry

/// `cerro archive compact`: one file of each day, and what retention removes.
struct ArchiveCompactCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact",
        abstract: "Makes one file of each day that is over, and removes what retention says.",
        discussion: """
            An aggregator with `compact: day` in its archive settings does the same by itself; \
            stop it first: only one may write to an archive. Queries go on. Retention is that of \
            the site file, for the archive that it names: with --directory alone nothing is \
            removed. A day with a damaged file stays as it is.
            """
    )

    @Argument(help: ArgumentHelp("Days, 2026/11/21 or 2026-11-21; else all.", valueName: "day"))
    var days: [String] = []

    @Flag(help: "Only show which days would be compacted; this needs no lock.")
    var dryRun = false

    @OptionGroup var archive: ArchiveOption
    @OptionGroup var format: FormatOption

    func validate() throws {
        for day in days {
            let text = day.replacing("/", with: "-")
            guard text.utf8.count == 10, Timestamp(iso8601: text) != nil else {
                throw ValidationError("`\(day)` is no day; write it like 2026/11/21 or 2026-11-21")
            }
        }
    }

    func run() throws {
        let console = Console.current
        let directory = try archive.archive()
        let settings = try archive.settings(of: directory)
        let reports: [CompactedDay]
        do {
            reports = try ArchiveTool.compact(
                directory,
                days.map { $0.replacing("-", with: "/") },
                retention: settings?.retention ?? RetentionSettings(),
                reserve: settings?.reserve ?? 0,
                isDryRun: dryRun,
                holder: "cerro archive compact, process "
                    + "\(ProcessInfo.processInfo.processIdentifier)"
            ) { done, all in console.progress("compacted \(done) of \(all) days") }
        } catch { throw CommandFailure(.failed, "\(error)") }
        console.endProgress()
        if format.isJSON {
            console.answer(Value.array(reports.map(Self.value)).json)
        } else {
            for line in Self.lines(reports) { console.answer(line) }
        }
        let refused = reports.count { if case .refused = $0.outcome { true } else { false } }
        guard refused == 0 else {
            throw CommandFailure(
                .failed,
                "\(HumanText.many(refused, "day", "days")) cannot be compacted"
            )
        }
    }

    /// What became of a day, as a map.
    static func value(_ report: CompactedDay) -> Value {
        let (word, sources, reason) = parts(report)
        return [
            "day": .string(report.day), "outcome": .string(word),
            "files": sources.map { .int(Int64($0)) } ?? .null, "reason": .optional(reason),
            "file": .optional(report.file), "bytes_before": .int(Int64(report.bytesBefore)),
            "bytes_after": .int(Int64(report.bytesAfter)),
            "removed": .array(report.removed.map(\.value)),
        ]
    }

    /// What became of the days, for people; nothing of those that are as they were.
    static func lines(_ reports: [CompactedDay]) -> [String] {
        var lines: [String] = []
        for report in reports where report.outcome != .asItWas {
            let (word, sources, reason) = parts(report)
            let files = sources.map { ", " + HumanText.many($0, "file", "files") } ?? ""
            var line = "\(report.day): \(word)\(files)" + (reason.map { ": \($0)" } ?? "")
            if case .compacted = report.outcome {
                line +=
                    " into 1, \(HumanText.byteCount(Int64(report.bytesBefore))) into "
                    + HumanText.byteCount(Int64(report.bytesAfter))
            }
            lines.append(line)
            for row in report.removed {
                let name = row.feed.map { "\(row.instance).\($0)" } ?? row.instance
                lines.append(
                    "  removed: \(HumanText.many(Int(row.count ?? 0), "row", "rows")) of \(name), "
                        + "\(row.from) to \(row.to): \(row.cause)"
                )
            }
        }
        let count = reports.count { $0.outcome == .asItWas }
        if count > 0 {
            lines.append(HumanText.many(count, "more day", "more days") + ": nothing to do")
        }
        if reports.isEmpty { lines.append("no day is over: nothing to do") }
        return lines
    }

    private static func parts(
        _ report: CompactedDay
    ) -> (word: String, sources: Int?, reason: String?) {
        switch report.outcome {
        case .asItWas: ("as it was", nil, nil)
        case .compacted(_, let sources): ("compacted", sources, nil)
        case .wouldBeCompacted(let sources): ("would be compacted", sources, nil)
        case .waits(let reason): ("waits", nil, reason)
        case .refused(let reason): ("refused", nil, reason)
        }
    }
}

extension CompactedDay {
    /// The file that there is now.
    fileprivate var file: String? {
        if case .compacted(let file, _) = outcome { file } else { nil }
    }
}

extension ArchiveOption {
    /// The settings that the site file has for the archive in `directory`; nil where nobody names
    /// a site file, or it is about another archive.
    func settings(of directory: ArchiveDirectory) throws(CommandFailure) -> ArchiveSettings? {
        guard self.directory == nil || site.file != nil else { return nil }
        let settings = try site.load().archive
        return settings.directory == directory.path ? settings : nil
    }
}
