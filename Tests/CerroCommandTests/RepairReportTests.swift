import Foundation
import Telemetry
import Testing

@testable import Archive
@testable import CerroCommand

/// What `cerro archive repair` says.
@Suite("repairing an archive")
struct RepairReportTests {
    private let instant = Timestamp(seconds: 1_763_700_000)

    private func file(
        _ outcome: RepairedFile.Outcome,
        decodedRows: Int = 0,
        lost: [LedgerEntry] = []
    ) -> RepairedFile {
        RepairedFile(
            path: "05.cerro",
            outcome: outcome,
            lost: lost,
            decodedRows: decodedRows,
            problems: outcome == .whole ? [] : ["05.cerro: a chunk is damaged"]
        )
    }

    private func row(feed: String?, count: Int64?) -> LedgerEntry {
        LedgerEntry(
            kind: .missing,
            instance: "cryo-1",
            feed: feed,
            from: instant,
            to: instant + .seconds(60),
            count: count,
            cause: "a chunk was damaged"
        )
    }

    @Test("a file that was written anew says where the damaged one is, and row by row what is lost")
    func repaired() {
        let rows = [row(feed: "temperatures", count: 60), row(feed: nil, count: nil)]
        let lines = ArchiveRepairCommand.lines(
            file(.repaired(kept: "05.cerro.damaged"), decodedRows: 3, lost: rows)
        )
        let range = "\(instant) to \(instant + .seconds(60))"
        #expect(
            lines == [
                "05.cerro: written anew and compared; the damaged file is 05.cerro.damaged",
                "  3 rows of records that could not be decoded before",
                "  lost: 60 rows of cryo-1.temperatures, \(range): a chunk was damaged",
                "  lost: rows of cryo-1, \(range): a chunk was damaged",
            ]
        )
    }

    @Test("a look changes nothing, a whole file is no line, and a refusal is its reason")
    func others() {
        #expect(
            ArchiveRepairCommand.lines(file(.wouldBeRepaired)) == [
                "05.cerro: would be written anew", "  nothing is lost",
            ]
        )
        #expect(ArchiveRepairCommand.lines(file(.whole)) == [])
        #expect(ArchiveRepairCommand.lines(file(.refused("no footer"))) == ["no footer"])
    }

    @Test(
        "the document has a word for each outcome, with what belongs to it",
        arguments: [
            (.whole, "whole", .null, .null), (.wouldBeRepaired, "would be repaired", .null, .null),
            (.repaired(kept: "x"), "repaired", "x", .null),
            (.refused("no footer"), "refused", .null, "no footer"),
        ] as [(RepairedFile.Outcome, String, Value, Value)]
    )
    func document(outcome: RepairedFile.Outcome, word: String, kept: Value, reason: Value) {
        let lost = [row(feed: nil, count: nil)]
        let value = ArchiveRepairCommand.value(file(outcome, decodedRows: 2, lost: lost))
        #expect(value["outcome"]?.string == word)
        #expect(value["kept"] == kept && value["reason"] == reason)
        #expect(value["decoded_rows"] == 2)
        let row = value["lost"]?.array?.first
        #expect(row?["instance"] == "cryo-1" && row?["feed"] == .null && row?["count"] == .null)
        #expect(row?["cause"] == "a chunk was damaged")
    }

    @Test("an archive in which nothing is damaged says so; a folder that is none fails")
    func command() async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "cerro-test-\(UUID().uuidString)").path
        let words = ["archive", "repair", "--directory", folder]
        let missing = Transcript()
        #expect(await CommandLineTool.run(words, console: .kept(in: missing)) == 1)
        #expect(missing.notes.contains("there is no folder \(folder)"))

        let day = folder + "/2026/11/21"
        try FileManager.default.createDirectory(atPath: day, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data("no id".utf8).write(to: URL(filePath: folder + "/archive.id"))
        let whole = Transcript()
        #expect(await CommandLineTool.run(words, console: .kept(in: whole)) == 0)
        #expect(whole.answers == "0 files, none is damaged\n")
    }

    // Goal: a slip in the name of a folder never looks like an archive in which all is well.
    @Test(
        "a folder that is no archive is one to nobody, and stays as it was",
        arguments: [
            ["ls"], ["verify"], ["reindex"], ["repair"], ["compact"], ["pin", "list"],
            ["export", "*", "--format", "csv"], ["cat", "2026/11/21/x.journal"],
        ]
    )
    func foreign(command: [String]) async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "cerro-test-\(UUID().uuidString)").path
        let below = folder + "/2026/photographs"
        try FileManager.default.createDirectory(atPath: below, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let transcript = Transcript()
        let words = ["archive"] + command + ["--directory", folder]
        #expect(await CommandLineTool.run(words, console: .kept(in: transcript)) == 1)
        #expect(transcript.notes.contains("\(folder) is no archive"), "\(transcript.notes)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["2026"])

        let file = folder + "/2026/a"
        try Data().write(to: URL(filePath: file))
        let none = Transcript()
        let wrong = ["archive"] + command + ["--directory", file]
        #expect(await CommandLineTool.run(wrong, console: .kept(in: none)) == 1)
        #expect(none.notes.contains("there is no folder \(file)"), "\(none.notes)")
    }
}
