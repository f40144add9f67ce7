import Archive
import CerroTesting
import Foundation
import Telemetry
import Testing

@testable import InstrumentAgents

@Suite("The writer of .g3 files", .timeLimit(.minutes(10)))
struct G3WriterTests {
    private static let corpus = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Corpus/g3/so3g-0.2.9.g3").path

    // Goal: it goes on where it was, and has nothing twice.
    // Method: an archive with one imported file; the process runs twice over it.
    @Test("what the archive holds is written once, over a stop and a start")
    func writes() async throws {
        let folder = try TemporaryFolder()
        let archive = folder.path + "/archive"
        do {
            let importer = try G3Importer(
                directory: ArchiveDirectory(archive),
                holder: "a test"
            )
            #expect(try importer.add(Self.corpus).rows == 2)
        }
        let agent = G3WriterAgent(
            .init(archive: archive, directory: folder.path + "/hk", period: .seconds(1)),
            holder: "a test"
        )
        for rows in [2, 0] {
            let recorder = RecordingSession()
            try await withRunning({ try await agent.write(recorder.session) }) {
                await recorder.wait { $0.data["rows"] == .int(Int64(rows)) }
            }
            #expect(recorder.seen.degraded == nil)
        }
        let written = try FileManager.default.subpathsOfDirectory(atPath: folder.path + "/hk")
            .filter { $0.hasSuffix(".g3") }
        #expect(written == ["17000/1700000001.g3"])
    }

    @Test("an archive that cannot be read degrades it and says why")
    func refused() async throws {
        let folder = try TemporaryFolder()
        let file = folder.path + "/file"
        try Data().write(to: URL(filePath: file))
        let agent = G3WriterAgent(
            .init(archive: folder.path, directory: file, period: .seconds(1)),
            holder: "a test"
        )
        let recorder = RecordingSession()
        try await withRunning({ try await agent.write(recorder.session) }) {
            await recorder.wait { $0.degraded?.contains(file) == true }
        }
    }
}
