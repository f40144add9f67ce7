internal import Archive
internal import Foundation
internal import Telemetry

/// One kind of measurement of an archive; ``ArchiveBench/measures`` lists all of them.
protocol ArchiveMeasure: Sendable {
    /// What the command line calls it.
    static var name: String { get }

    /// Measures; one report a figure.
    static func run(_ bench: ArchiveBench) async throws -> [BenchReport]
}

/// What is measured: a set of samples, so many hours of it, in a folder of the bench's own.
struct ArchiveBench: Sendable {
    /// What can be measured, in this order.
    static let measures: [any ArchiveMeasure.Type] = [
        SealMeasure.self, ReadMeasure.self, PlotMeasure.self, StartMeasure.self,
    ]

    /// The samples.
    let set: SampleSet
    /// How many hours of them.
    let hours: Int
    /// How often a figure is taken.
    let runs: Int
    /// Where files of the bench may be; it goes when the bench is over.
    let folder: String

    /// Runs `body` with a folder that goes afterwards, in `parent` or the system's place.
    ///
    /// - Throws: what `body` throws; `CancellationError` where it was cancelled, whatever it says.
    static func withFolder<Result: Sendable>(
        in parent: String?,
        _ body: (String) async throws -> Result
    ) async throws -> Result {
        let above = parent.map { URL(filePath: $0) } ?? FileManager.default.temporaryDirectory
        let folder = above.appending(path: "cerro-bench-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(atPath: folder) }
        do {
            return try await body(folder)
        } catch {
            try Task.checkCancellation()
            throw error
        }
    }

    /// The set as sealed files of an hour, made once for all measures that read.
    func sealed() async throws -> ArchiveDirectory {
        let path = folder + "/sealed"
        if !FileManager.default.fileExists(atPath: path) {
            _ = try await SampleArchive.writeSealed(of: set, hours: hours, in: path)
        }
        return ArchiveDirectory(path)
    }

    /// The paths of the files below `folder` with this ending, in order.
    static func files(in folder: String, ending: String) -> [String] {
        let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String }
        return (names ?? []).filter { $0.hasSuffix(ending) }.sorted().map { "\(folder)/\($0)" }
    }

    /// The bytes of some files.
    static func byteCount(of paths: [String]) throws -> Int {
        try paths.reduce(0) { sum, path in
            let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
            return sum + (size ?? 0)
        }
    }
}
