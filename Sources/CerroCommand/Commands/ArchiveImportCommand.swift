internal import Archive
internal import ArgumentParser
internal import Foundation
internal import Telemetry

/// `cerro archive import`: files of other systems become files of the archive.
struct ArchiveImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Brings .g3 housekeeping files (so3g, OCS) into the archive.",
        discussion: """
            Each file becomes a sealed file, which lists it as its source: what is there already \
            is not imported again, whatever its name is now, and of a file that has grown only \
            what is new. Of a damaged file the good frames are imported, the rest is named, and \
            the command exits with 1. No aggregator may write to the archive meanwhile.

            To read a tree where it stands, without a copy, name it in the site file: \
            `archive: {g3: [/data/hk]}`.
            """
    )

    @Argument(help: "Files, or folders with .g3 files in them.", completion: .file())
    var paths: [String]

    @OptionGroup var archive: ArchiveOption
    @OptionGroup var format: FormatOption

    func run() throws {
        let console = Console.current
        var reports: [ImportedFile] = []
        var failures: [String] = []
        do {
            let directory = try archive.archive(mayBegin: true)
            let files = try paths.flatMap { path in try G3Importer.files(at: path) }
            let importer = try G3Importer(
                directory: directory,
                holder: "cerro archive import, process \(ProcessInfo.processInfo.processIdentifier)"
            )
            for (number, file) in files.enumerated() {
                console.progress("imported \(number) of \(files.count) files")
                do throws(ArchiveError) { reports.append(try importer.add(file)) } catch {
                    failures.append("\(error)")
                }
            }
        } catch let error as ArchiveError {
            throw CommandFailure(.failed, "\(error)")
        }
        console.endProgress()
        let problems = reports.flatMap(\.problems) + failures
        if format.isJSON {
            console.answer(Self.value(reports, problems).json)
        } else {
            for problem in problems { console.note(problem) }
            for line in Self.lines(reports) { console.answer(line) }
        }
        guard problems.isEmpty else {
            throw CommandFailure(
                .failed,
                HumanText.many(problems.count, "place", "places")
                    + " could not be read; what is good of the files is imported"
            )
        }
    }

    /// What was imported, for people.
    static func lines(_ reports: [ImportedFile]) -> [String] {
        let rows = reports.reduce(0) { $0 + $1.rows }
        let new = reports.count { !$0.made.isEmpty }
        return [
            HumanText.many(rows, "row", "rows") + " of "
                + HumanText.many(new, "file", "files") + "; "
                + HumanText.many(reports.count - new, "file", "files") + " had nothing new"
        ]
    }

    /// What was imported, as one JSON document.
    static func value(_ reports: [ImportedFile], _ problems: [String]) -> Value {
        [
            "rows": .int(Int64(reports.reduce(0) { $0 + $1.rows })),
            "files": .array(
                reports.map { report in
                    [
                        "file": .string(report.path), "rows": .int(Int64(report.rows)),
                        "made": .array(report.made.map { .string($0) }),
                        "problems": .array(report.problems.map { .string($0) }),
                    ]
                }
            ),
            "problems": .array(problems.map { .string($0) }),
        ]
    }
}
