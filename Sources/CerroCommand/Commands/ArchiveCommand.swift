internal import Archive
internal import ArgumentParser
internal import Foundation
internal import Telemetry

/// `cerro archive`: the files themselves, without a reader.
struct ArchiveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "archive",
        abstract: "Looks into the files of the archive; needs no running site.",
        subcommands: [
            ArchiveListCommand.self, ArchiveCatCommand.self, ArchiveVerifyCommand.self,
            ArchiveRepairCommand.self, ArchiveReindexCommand.self, ArchiveExportCommand.self,
            ArchiveImportCommand.self, ArchiveCompactCommand.self, ArchivePinCommand.self,
            ArchiveForgetCommand.self,
        ]
    )
}

/// `cerro archive ls`: the files, what time they hold and how much.
struct ArchiveListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "Lists journals and sealed files: time, timelines, rows, size."
    )

    @OptionGroup var archive: ArchiveOption
    @OptionGroup var format: FormatOption

    func run() throws {
        let files: [ListedFile]
        do { files = try ArchiveTool.list(try archive.archive()) } catch let error as ArchiveError {
            throw CommandFailure(.failed, "\(error)")
        }
        let console = Console.current
        if format.isJSON {
            console.answer(Value.array(files.map(Self.value)).json)
        } else {
            for line in Self.lines(files) { console.answer(line) }
        }
        guard files.allSatisfy({ $0.problem == nil }) else {
            throw CommandFailure(
                .failed,
                "some files cannot be read; `cerro archive verify` says why"
            )
        }
    }

    /// A file as a map.
    static func value(_ file: ListedFile) -> Value {
        [
            "file": .string(file.path), "bytes": .int(Int64(file.byteCount)),
            "timelines": .int(Int64(file.timelines)), "rows": .int(Int64(file.rows)),
            "first": .optional(file.first?.description), "last": .optional(file.last?.description),
            "problem": .optional(file.problem), "flaw": .optional(file.flaw),
        ]
    }

    /// The files as a table.
    static func lines(_ files: [ListedFile]) -> [String] {
        var table = TextTable([
            ("file", .left), ("first", .left), ("last", .left), ("timelines", .right),
            ("rows", .right), ("size", .right), ("problem", .left),
        ])
        for file in files {
            table.append([
                file.path, file.first?.description ?? "-", file.last?.description ?? "-",
                String(file.timelines), HumanText.count(Int64(file.rows)),
                HumanText.byteCount(Int64(file.byteCount)), file.problem ?? file.flaw ?? "",
            ])
        }
        return table.lines
    }
}

/// `cerro archive cat`: the rows of one file.
struct ArchiveCatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cat",
        abstract: "Prints the rows of one file, one JSON document a line."
    )

    @Argument(
        help: "The file, as `cerro archive ls` writes it.",
        completion: SiteCompletion.archiveFiles
    )
    var file: String

    @OptionGroup var archive: ArchiveOption

    func run() throws {
        let console = Console.current
        do {
            try ArchiveTool.cat(file, in: try archive.archive()) { row in
                console.answer(Self.line(row))
            }
        } catch let failure as CommandFailure {
            throw failure
        } catch { throw CommandFailure(.failed, "\(error)") }
    }

    /// One row: time, instance, feed, and the fields that have a value.
    static func line(_ row: ArchiveRow) -> String {
        let values = zip(row.feed.fields, row.values).filter { $1 != .null }
        let document: Value = [
            "time": .string(row.timestamp.description), "instance": .string(row.instance),
            "feed": .string(row.feed.name),
            "values": .map(Dictionary(values.map { ($0.name, $1) }) { $1 }),
        ]
        return document.json
    }
}

/// `cerro archive verify`: reads every byte.
struct ArchiveVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Reads every byte of the archive and shows what is wrong; exits with 1 then."
    )

    @OptionGroup var archive: ArchiveOption
    @OptionGroup var format: FormatOption

    func run() throws {
        let console = Console.current
        var problems: [String] = []
        var summary: VerifySummary
        do {
            let trees = try archive.trees()
            summary = try ArchiveTool.verify(
                // Where only trees of others are read, nothing has begun beside them.
                try archive.archive(mayBegin: !trees.isEmpty),
                progress: { done, all in console.progress("verified \(done) of \(all) files") },
                problem: { problem in problems.append(problem) }
            )
            for tree in trees {
                let found = try G3Store.verify(
                    root: tree,
                    progress: { done, all in
                        console.progress("verified \(done) of \(all) files of \(tree)")
                    },
                    problem: { problem in problems.append(problem) }
                )
                summary.files += found.files
                summary.rows += found.rows
                summary.bytes += found.bytes
                summary.problems += found.problems
            }
        } catch let error as ArchiveError { throw CommandFailure(.failed, "\(error)") }
        console.endProgress()
        if format.isJSON {
            let document: Value = [
                "files": .int(Int64(summary.files)), "rows": .int(Int64(summary.rows)),
                "bytes": .int(Int64(summary.bytes)),
                "problems": .array(problems.map(Value.string)),
            ]
            console.answer(document.json)
        } else {
            for problem in problems { console.answer(problem) }
            console.answer(
                HumanText.many(summary.files, "file", "files") + ", "
                    + HumanText.many(summary.rows, "row", "rows")
                    + ", \(HumanText.byteCount(Int64(summary.bytes))), "
                    + HumanText.problems(problems.count)
            )
        }
        guard problems.isEmpty else {
            throw CommandFailure(.failed, "the archive has \(HumanText.problems(problems.count))")
        }
    }
}

/// `cerro archive reindex`: the index from the files alone.
struct ArchiveReindexCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reindex",
        abstract: "Builds the index anew from the files, while no reader runs."
    )

    @OptionGroup var archive: ArchiveOption

    func run() throws {
        let console = Console.current
        let problems: [String]
        let holder = "cerro archive reindex, process \(ProcessInfo.processInfo.processIdentifier)"
        do {
            problems = try ArchiveTool.reindex(try archive.archive(), holder: holder) { done, all in
                console.progress("indexed \(done) of \(all) files")
            }
        } catch let error as ArchiveError { throw CommandFailure(.failed, "\(error)") }
        console.endProgress()
        for problem in problems { console.note(problem) }
        guard problems.isEmpty else {
            throw CommandFailure(
                .failed,
                "\(HumanText.many(problems.count, "file", "files")) cannot be read"
            )
        }
        console.note("the index is new")
    }
}
