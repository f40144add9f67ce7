internal import Archive
internal import ArgumentParser
internal import Foundation
internal import Reader
internal import Synchronization
internal import Telemetry

/// `cerro archive export`: samples for other programs, straight from the files.
struct ArchiveExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes samples as CSV, NDJSON or an Arrow stream, straight from the files.",
        discussion: """
            Reads the archive beside a running aggregator and reader, or without them, in bounded \
            memory whatever the range. One table: a row for each time at which any of the fields \
            has a sample. Fields of one feed share their rows; where feeds tick at different \
            times, the cells of the others are empty, so that one feed a file is smallest.

            csv: heading `time,NAME [UNIT],…`; a missing value is an empty cell, an empty text \
            `""`; NaN, Infinity and -Infinity by these names; lines beginning with `#` at the end \
            say what is missing. ndjson: `{"t": …, NAME: value, …}` without what is missing; what \
            is not finite is a text; the last line has rows, units and gaps: without it the file \
            was cut. arrow: `time` as timestamp[ns, UTC], doubles, int64, bool and utf8 with \
            nulls, units and descriptions as metadata of the fields, gaps as metadata (`cerro`) of \
            the schema and of a last batch without rows.

            g3: a tree of files in the folder that -o names, one for each hour, as so3g, OCS and \
            hkdb expect it: 17000/1700000000.g3. Times are cut off at 10 ns. With --follow it goes \
            on until Ctrl-C as hours are sealed, and the next time where it was.

            What is known to be missing is printed on standard error, too.
            """
    )

    /// The forms of files.
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case csv, ndjson, arrow, g3

        /// What writes it; nil for a tree of files.
        var export: ExportFormat? {
            switch self {
            case .csv: .csv
            case .ndjson: .ndjson
            case .arrow: .arrow
            case .g3: nil
            }
        }
    }

    /// How texts have times.
    enum Time: String, CaseIterable, ExpressibleByArgument {
        case iso, s, ns
    }

    @Argument(
        help: "Full names, instances, feeds (`cryo-1.temperatures`), or patterns with `*`.",
        completion: SiteCompletion.fields
    )
    var fields: [String]

    @Option(help: "csv, ndjson, arrow or g3; else by the ending of the file.")
    var format: Format?

    @OptionGroup var range: RangeOption

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The file, which has its name when it is whole; `-` is standard output.",
            valueName: "file"
        ),
        completion: .file()
    )
    var output = "-"

    @Option(help: "How csv and ndjson write times: iso (to the nanosecond), s or ns.")
    var time = Time.iso

    @Flag(help: "g3 only: goes on with what is sealed from now on, until Ctrl-C.")
    var follow = false

    @OptionGroup var archive: ArchiveOption

    /// The form that was asked for, or that the file's name tells.
    func chosenFormat() throws(CommandFailure) -> Format {
        if let format { return format }
        let ending = output.split(separator: ".").last.map(String.init) ?? ""
        if let format = Format(rawValue: ending) { return format }
        let known = Format.allCases.map(\.rawValue).joined(separator: ", ")
        throw CommandFailure(
            .usage,
            output == "-"
                ? "say which form with --format: \(known)"
                : "`\(output)` does not tell the form by its ending: add --format, one of \(known)"
        )
    }

    func run() async throws {
        let console = Console.current
        let format = try chosenFormat()
        guard let form = format.export else { return try await runTree() }
        guard !follow else {
            throw CommandFailure(.usage, "--follow goes with --format g3 only")
        }
        guard format != .arrow || output != "-" || isatty(STDOUT_FILENO) == 0 else {
            throw CommandFailure(.usage, "an Arrow stream is nothing for a terminal: add -o FILE")
        }
        let directory = try archive.archive()
        let now = SystemTimeSource().now
        let range = try range.range(at: now, from: Timestamp(seconds: 1))
        let fields = fields
        let times = TimeForm(rawValue: time.rawValue) ?? .iso
        let file = try OutputFile(output)
        let stop = Mutex(false)
        do {
            let (summary, _) = try await Signals.cancelling {
                try await withTaskCancellationHandler {
                    try await OwnThread.run {
                        try Self.export(
                            fields,
                            range,
                            form,
                            times,
                            directory,
                            console,
                            file
                        ) {
                            stop.withLock { $0 }
                        }
                    }
                } onCancel: {
                    stop.withLock { $0 = true }
                }
            }
            try file.finish()
            Self.report(summary, console)
        } catch {
            console.endProgress()
            file.discard()
            if case ExportError.stopped = error {
                throw CommandFailure(.failed, "stopped before the end; \(output) is as it was")
            }
            throw error as? CommandFailure ?? CommandFailure(.failed, "\(error)")
        }
    }

    private static func export(
        _ fields: [String],
        _ range: Range<Timestamp>,
        _ format: ExportFormat,
        _ times: TimeForm,
        _ directory: ArchiveDirectory,
        _ console: Console,
        _ file: OutputFile,
        isStopped: () -> Bool
    ) throws -> ExportSummary {
        try opened(fields, range, directory, console) { export, progress in
            try export.write(
                format,
                times: times,
                about: [
                    "archive": .string(directory.path),
                    "start": .string(range.lowerBound.description),
                    "end": .string(range.upperBound.description),
                ],
                progress: progress,
                isStopped: isStopped,
                to: { try file.write($0) }
            )
        }
    }

    /// Calls `write` with the export of some fields, and with what shows how far it has come.
    static func opened(
        _ fields: [String],
        _ range: Range<Timestamp>,
        _ directory: ArchiveDirectory,
        _ console: Console,
        _ write: (ArchiveExport, (Int64, Int64) -> Void) throws -> ExportSummary
    ) throws -> ExportSummary {
        let scratch = FileManager.default.temporaryDirectory
            .appendingPathComponent("cerro-export-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: scratch) }
        let store = try ArchiveStore(
            directory,
            withIndexIn: scratch.path,
            cache: Limits.exportCache
        ) { done, all in console.progress("indexed \(done) of \(all) files") }
        let summary = try write(try ArchiveExport(store, fields: fields, range: range)) {
            done,
            all in
            console.progress("exported \(HumanText.count(done)) of \(HumanText.count(all)) rows")
        }
        console.endProgress()
        return summary
    }

    /// What is known to be missing, and how much is there.
    static func report(_ summary: ExportSummary, _ console: Console) {
        for sentence in summary.sentences { console.note(TextTable.onOneLine(sentence)) }
        console.note("\(HumanText.count(summary.rows)) rows")
    }
}

/// Work that blocks, on a thread that nobody else waits for.
enum OwnThread {
    /// What `body` returns or throws.
    static func run<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { waiter in
            Thread.detachNewThread {
                waiter.resume(with: Swift.Result { try body() })
            }
        }
    }
}
