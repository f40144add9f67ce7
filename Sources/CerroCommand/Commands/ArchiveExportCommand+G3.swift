internal import Archive
internal import Foundation
internal import Reader
internal import Synchronization
internal import Telemetry

extension ArchiveExportCommand {
    /// `--format g3`: a tree of files, at once or as hours are sealed.
    func runTree() async throws {
        guard output != "-" else {
            throw CommandFailure(.usage, "g3 is a tree of files: name its folder with -o FOLDER")
        }
        let console = Console.current
        let directory = try archive.archive()
        let now = SystemTimeSource().now
        let span = try range.range(at: now, from: Timestamp(seconds: 1))
        guard !follow || range.end == nil else {
            throw CommandFailure(.usage, "--follow has no end: leave out --end")
        }
        let (fields, output, follow) = (fields, output, follow)
        let isStopped = Mutex(false)
        do {
            let (summary, _) = try await Signals.cancelling {
                try await withTaskCancellationHandler {
                    try await OwnThread.run {
                        let stop = { isStopped.withLock { $0 } }
                        if follow {
                            try Self.follow(fields, span.lowerBound, directory, output, stop)
                            return nil as ExportSummary?
                        }
                        let writer = G3TreeWriter(root: output)
                        return try Self.opened(fields, span, directory, console) {
                            export,
                            progress in
                            try export.write(tree: writer, progress: progress, isStopped: stop)
                        }
                    }
                } onCancel: {
                    isStopped.withLock { $0 = true }
                }
            }
            if let summary { Self.report(summary, console) }
        } catch {
            console.endProgress()
            if case ExportError.stopped = error {
                throw CommandFailure(.failed, "stopped; the hours that are in \(output) are whole")
            }
            throw error as? CommandFailure ?? CommandFailure(.failed, "\(error)")
        }
    }

    /// Writes what is sealed until somebody wants an end.
    private static func follow(
        _ fields: [String],
        _ start: Timestamp,
        _ directory: ArchiveDirectory,
        _ output: String,
        _ isStopped: () -> Bool
    ) throws {
        let console = Console.current
        let patterns = fields.map { FieldPattern($0).widened }
        let follower = try G3Follower(
            directory: directory,
            root: output,
            start: start,
            holder: "cerro archive export, process \(ProcessInfo.processInfo.processIdentifier)"
        ) { name in
            let text = name.description
            return patterns.contains { $0.matches(text) }
        }
        while !isStopped() {
            let rows = try follower.step(
                progress: { console.progress("wrote \($0) of \($1) sealed files") },
                mayGoOn: { !isStopped() }
            )
            console.endProgress()
            if rows > 0 { console.note("\(HumanText.count(Int64(rows))) rows") }
            let next = ContinuousClock.now + Limits.followPeriod
            while ContinuousClock.now < next, !isStopped() {
                Thread.sleep(forTimeInterval: 0.1)
            }
        }
    }
}
