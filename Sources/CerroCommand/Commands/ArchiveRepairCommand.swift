internal import Archive
internal import ArgumentParser
internal import Foundation
internal import Telemetry

/// `cerro archive repair`: a new file in the place of a damaged one.
struct ArchiveRepairCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Writes damaged sealed files anew with all that can be read.",
        discussion: """
            What cannot be read becomes rows of the ledger. Each new file is read back and \
            compared before it takes its place, and the damaged one is kept beside it as \
            NAME.damaged. Stop the aggregator first: only one may write to an archive.
            """
    )

    @Argument(
        help: "The files, as `cerro archive ls` writes them; else all.",
        completion: SiteCompletion.sealedFiles
    )
    var files: [String] = []

    @Flag(help: "Only show what would be repaired and lost.")
    var dryRun = false

    @OptionGroup var archive: ArchiveOption
    @OptionGroup var format: FormatOption

    func run() throws {
        let console = Console.current
        let holder = "cerro archive repair, process \(ProcessInfo.processInfo.processIdentifier)"
        let repaired: [RepairedFile]
        do {
            repaired = try ArchiveTool.repair(
                try archive.archive(),
                files,
                isDryRun: dryRun,
                holder: holder,
                now: SystemTimeSource().now
            ) { done, all in console.progress("looked at \(done) of \(all) files") }
        } catch let error as ArchiveError { throw CommandFailure(.failed, "\(error)") }
        console.endProgress()
        if format.isJSON {
            console.answer(Value.array(repaired.map(Self.value)).json)
        } else {
            for line in repaired.flatMap(Self.lines) { console.answer(line) }
            let count = repaired.count { $0.outcome != .whole }
            if count == 0 {
                let files = HumanText.many(repaired.count, "file", "files")
                console.answer("\(files), none is damaged")
            }
        }
        let refused = repaired.count { if case .refused = $0.outcome { true } else { false } }
        guard refused == 0 else {
            throw CommandFailure(
                .failed,
                "\(HumanText.many(refused, "file", "files")) cannot be repaired"
            )
        }
    }

    /// What became of a file, as a map.
    static func value(_ file: RepairedFile) -> Value {
        [
            "file": .string(file.path), "outcome": .string(word(file.outcome)),
            "kept": .optional(file.kept), "reason": .optional(file.refusal),
            "decoded_rows": .int(Int64(file.decodedRows)),
            "problems": .array(file.problems.map(Value.string)),
            "lost": .array(
                file.lost.map { row in
                    [
                        "instance": .string(row.instance), "feed": .optional(row.feed),
                        "from": .string(row.from.description), "to": .string(row.to.description),
                        "count": row.count.map { .int($0) } ?? .null, "cause": .string(row.cause),
                    ]
                }
            ),
        ]
    }

    /// What became of a file, for people; nothing of one that is whole.
    static func lines(_ file: RepairedFile) -> [String] {
        var lines: [String]
        switch file.outcome {
        case .whole: return []
        case .repaired(let kept):
            lines = ["\(file.path): written anew and compared; the damaged file is \(kept)"]
        case .wouldBeRepaired: lines = ["\(file.path): would be written anew"]
        case .refused(let reason): return [reason]
        }
        if file.decodedRows > 0 {
            let rows = HumanText.many(file.decodedRows, "row", "rows")
            lines.append("  \(rows) of records that could not be decoded before")
        }
        for row in file.lost {
            let name = row.feed.map { "\(row.instance).\($0)" } ?? row.instance
            let count = row.count.map { HumanText.many(Int($0), "row", "rows") } ?? "rows"
            lines.append("  lost: \(count) of \(name), \(row.from) to \(row.to): \(row.cause)")
        }
        if file.lost.isEmpty { lines.append("  nothing is lost") }
        return lines
    }

    private static func word(_ outcome: RepairedFile.Outcome) -> String {
        switch outcome {
        case .whole: "whole"
        case .repaired: "repaired"
        case .wouldBeRepaired: "would be repaired"
        case .refused: "refused"
        }
    }
}

extension RepairedFile {
    /// Where the damaged file is now.
    fileprivate var kept: String? { if case .repaired(let kept) = outcome { kept } else { nil } }
    /// Why nothing was done.
    fileprivate var refusal: String? {
        if case .refused(let reason) = outcome { reason } else { nil }
    }
}
