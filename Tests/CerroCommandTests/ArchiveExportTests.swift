import ArchiveFormat
import Foundation
import Telemetry
import Testing

@testable import CerroCommand

/// An archive of one sealed file in a folder of its own; gone with its object.
private final class SealedArchive {
    let path = FileManager.default.temporaryDirectory.path + "/export-\(UUID().uuidString)"
    static let start = Timestamp(seconds: 1_795_237_800)

    init(rows: Int = 3) throws {
        let created = Self.start + .seconds(3600)
        let footer = SealedFooter(
            id: "00112233445566778899aabbccddeeff",
            archive: "ffeeddccbbaa99887766554433221100",
            created: created,
            sources: ["18ea8a43aa1d1a0000000001"],
            receivedFrom: Self.start,
            receivedTo: created
        )
        var bytes: [UInt8] = []
        var builder = try SealedFileBuilder(footer) { bytes += $0 }
        let times = (0..<rows).map { (Self.start + .seconds($0)).nanoseconds }
        try builder.add(
            "cryo-1",
            feed: Feed("temps", fields: [Field("stage", unit: .kelvin)]),
            epochs: [1],
            times: times,
            received: times,
            columns: [.doubles((0..<rows).map { $0 == 1 ? nil : 4.2 + Double($0) } as [Double?])]
        )
        _ = try builder.finish()
        let day = path + "/2026/11/21"
        try FileManager.default.createDirectory(atPath: day, withIntermediateDirectories: true)
        try Data(bytes).write(
            to: URL(fileURLWithPath: day + "/055000-18ea8a43aa1d1a0000000002.cerro")
        )
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite("cerro archive export")
struct ArchiveExportCommandTests {
    private func run(_ arguments: [String]) async -> (code: Int32, transcript: Transcript) {
        let transcript = Transcript()
        let code = await CommandLineTool.run(
            ["archive", "export"] + arguments,
            console: .kept(in: transcript)
        )
        return (code, transcript)
    }

    @Test("writes the file whole, in the form of its ending, and says how much")
    func file() async throws {
        let archive = try SealedArchive()
        let output = archive.path + "/out.csv"
        let found = await run(["cryo-1.temps", "--directory", archive.path, "-o", output])
        #expect(found.code == 0, "\(found.transcript.notes)")
        #expect(found.transcript.answers.isEmpty)
        #expect(found.transcript.notes == "3 rows\n")
        #expect(
            try String(contentsOfFile: output, encoding: .utf8) == """
                time,cryo-1.temps.stage [K]
                2026-11-21T05:10:00Z,4.2
                2026-11-21T05:10:01Z,
                2026-11-21T05:10:02Z,6.2

                """
        )
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: archive.path).sorted()
                == ["2026", "out.csv"]
        )
    }

    @Test("what stood under the name is as it was where the export fails")
    func failing() async throws {
        let archive = try SealedArchive()
        let output = archive.path + "/out.ndjson"
        try Data("before".utf8).write(to: URL(fileURLWithPath: output))
        let found = await run(["cryo-1.temps.stag", "--directory", archive.path, "-o", output])
        #expect(found.code == 1)
        #expect(
            found.transcript.notes.contains(
                "no field `cryo-1.temps.stag` has samples in that time; did you mean "
                    + "cryo-1.temps.stage?"
            )
        )
        #expect(try String(contentsOfFile: output, encoding: .utf8) == "before")
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: archive.path).sorted()
                == ["2026", "out.ndjson"]
        )
    }

    @Test(
        "a wrong command line or output is told before anything is read",
        arguments: [
            (["x", "-o", "ARCHIVE/out.pdf"], 2, "does not tell the form by its ending"),
            (["x"], 2, "say which form with --format: csv, ndjson, arrow"),
            (["x", "-o", "ARCHIVE"], 2, "does not tell the form"),
            (["x", "--format", "csv", "-o", "ARCHIVE"], 2, "is a folder: name a file in it"),
            (["x", "-o", "ARCHIVE/none/out.csv"], 1, "cannot be written: No such file"),
            (["--format", "csv"], 2, "Missing expected argument"),
            (["x", "--format", "csv", "--end", "now", "--start", "now"], 2, "not before the end"),
        ] as [([String], Int32, String)]
    )
    func refusals(arguments: [String], code: Int32, words: String) async throws {
        let archive = try SealedArchive()
        let written = arguments.map { $0.replacingOccurrences(of: "ARCHIVE", with: archive.path) }
        let found = await run(written + ["--directory", archive.path])
        #expect(found.code == code)
        #expect(found.transcript.notes.contains(words), "\(found.transcript.notes)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: archive.path) == ["2026"])
    }
}
