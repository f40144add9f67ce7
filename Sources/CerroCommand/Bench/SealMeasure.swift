internal import Archive
internal import ArchiveFormat
internal import Foundation
internal import Telemetry

/// How fast journals are sealed, how large the sealed files are, and how much memory it takes.
enum SealMeasure: ArchiveMeasure {
    static let name = "seal"

    static func run(_ bench: ArchiveBench) async throws -> [BenchReport] {
        var reports: [BenchReport] = []
        for rowsOfMessage in [60, 1] {
            let journal = "\(bench.folder)/journal-\(rowsOfMessage)"
            defer { try? FileManager.default.removeItem(atPath: journal) }
            let written = try SampleArchive.writeJournal(
                of: bench.set,
                hours: bench.hours,
                rowsOfMessage: rowsOfMessage,
                in: journal
            )
            var runs: [Run] = []
            for _ in 0..<bench.runs {
                try Task.checkCancellation()
                runs.append(try seal(journal, in: bench.folder))
            }
            let floors = try floors(written, journal, runs, in: bench.folder)
            reports.append(speed(written, runs, rowsOfMessage, bench, floors))
            guard rowsOfMessage == 60, let size = runs.first?.size else { continue }
            reports.append(size.report(bench.set, values: written.values))
        }
        return reports
    }

    /// One sealing of all segments.
    private struct Run {
        let seconds: Double, processorSeconds: Double
        let peakBytes: Int
        let size: SealedSize
    }

    /// Seals a copy of the journal; the segments are linked, as sealing only reads and deletes.
    private static func seal(_ journal: String, in folder: String) throws -> Run {
        let copy = folder + "/copy"
        for path in ArchiveBench.files(in: journal, ending: ".journal") {
            let place = copy + path.dropFirst(journal.count)
            try FileManager.default.createDirectory(
                at: URL(filePath: place).deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try FileManager.default.linkItem(atPath: path, toPath: place)
        }
        defer { try? FileManager.default.removeItem(atPath: copy) }
        ProcessUsage.forgetPeak()
        let clock = ContinuousClock()
        let before = ProcessUsage.processorSeconds
        let start = clock.now
        try Sealer(directory: ArchiveDirectory(copy)).sealAll(openSegment: nil)
        let seconds = (clock.now - start).inSeconds
        return Run(
            seconds: seconds,
            processorSeconds: ProcessUsage.processorSeconds - before,
            peakBytes: ProcessUsage(of: getpid())?.peakBytes ?? 0,
            size: try SealedSize(of: ArchiveBench.files(in: copy, ending: ".cerro"))
        )
    }

    private static func speed(
        _ written: SampleArchive.Written,
        _ runs: [Run],
        _ rowsOfMessage: Int,
        _ bench: ArchiveBench,
        _ floors: [BenchReport.Floor]
    ) -> BenchReport {
        let values = Double(written.values)
        return BenchReport(
            name: "seal \(bench.set.look) from messages of "
                + (rowsOfMessage == 1 ? "1 row" : "\(rowsOfMessage) rows"),
            samples: runs.map { values / $0.seconds },
            unit: "values/s",
            isRate: true,
            lost: max(0, written.rows - (runs.map(\.size.rows).min() ?? 0)),
            doubled: max(0, (runs.map(\.size.rows).max() ?? 0) - written.rows),
            floors: floors,
            details: [
                "values": values,
                "values/s of processor time": BenchReport.quantile(
                    0.5,
                    of: runs.map { values / $0.processorSeconds }
                ),
                "peak memory MiB": Double(runs.map(\.peakBytes).max() ?? 0) / 0x1p20,
            ]
        )
    }

    private static func floors(
        _ written: SampleArchive.Written,
        _ journal: String,
        _ runs: [Run],
        in folder: String
    ) throws -> [BenchReport.Floor] {
        let values = Double(written.values)
        let paths = ArchiveBench.files(in: journal, ending: ".journal")
        let journalBytes = Double(try ArchiveBench.byteCount(of: paths))
        let sealedBytes = runs.first?.size.byteCount ?? 0
        let disk = try DiskFloor.bytesPerSecond(in: folder, total: sealedBytes)
        return [
            BenchReport.Floor(
                name: "copying the journal in memory",
                median: values / (journalBytes / MemoryFloor.copiedBytesPerSecond())
            ),
            BenchReport.Floor(
                name: "CRC-32C of the journal",
                median: values / (journalBytes / MemoryFloor.checkedBytesPerSecond())
            ),
            BenchReport.Floor(
                name: "reading the journal",
                median: values / (try DiskFloor.readSeconds(paths))
            ),
            BenchReport.Floor(
                name: "append and fdatasync of the sealed files",
                median: values / (Double(max(sealedBytes, 1)) / disk)
            ),
        ]
    }
}
