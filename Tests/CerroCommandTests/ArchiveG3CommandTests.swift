import Foundation
import Telemetry
import Testing

@testable import CerroCommand

@Suite("cerro archive import, and export as .g3")
struct ArchiveG3CommandTests {
    private static let corpus = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Corpus/g3/so3g-0.2.9.g3").path

    private let folder = FileManager.default.temporaryDirectory
        .appending(path: "cerro-g3-\(UUID().uuidString)")

    private func run(_ words: [String]) async -> (code: Int32, transcript: Transcript) {
        let transcript = Transcript()
        let code = await CommandLineTool.run(
            ["archive"] + words,
            console: .kept(in: transcript)
        )
        return (code, transcript)
    }

    @Test("a file is imported once, and exported as a tree")
    func thereAndBack() async throws {
        let archive = folder.appending(path: "archive").path
        try FileManager.default.createDirectory(
            atPath: archive,
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(at: folder) }
        let words = ["import", Self.corpus, "--directory", archive]
        let first = await run(words)
        #expect(first.code == 0, "\(first.transcript.notes)")
        #expect(first.transcript.answers == "2 rows of 1 file; 0 files had nothing new\n")
        let again = await run(words + ["--json"])
        #expect(again.code == 0 && again.transcript.answers.contains(#""rows":0"#))
        let output = folder.appending(path: "hk").path
        let export = await run([
            "export", "thermo1", "--format", "g3", "-o", output, "--directory", archive,
        ])
        #expect(export.code == 0, "\(export.transcript.notes)")
        #expect(export.transcript.notes == "2 rows\n")
        let files = try FileManager.default.subpathsOfDirectory(atPath: output)
        #expect(files.sorted() == ["16999", "16999/1699999200.g3"])
    }

    @Test("a damaged file gives its good frames, a named error and the code 1")
    func damaged() async throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var bytes = try Data(contentsOf: URL(filePath: Self.corpus))
        let size = bytes.count
        bytes += bytes.prefix(100)
        let file = folder.appending(path: "cut.g3")
        try bytes.write(to: file)
        let found = await run(["import", file.path, "--directory", folder.path])
        #expect(found.code == 1)
        #expect(found.transcript.answers == "2 rows of 1 file; 0 files had nothing new\n")
        #expect(found.transcript.notes.contains("\(file.path): byte "))
        #expect(found.transcript.notes.contains("the file ends inside of a frame"))
        #expect(size == 1981)
    }

    @Test("a path without a .g3 file says so, and nothing is imported")
    func nothing() async throws {
        let tree = folder.appending(path: "tree").path
        try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let table = folder.appending(path: "x.csv").path
        try Data("a,b".utf8).write(to: URL(filePath: table))
        for (path, words) in [
            (tree, "there are no .g3 files below it"), (table, "is no .g3 file"),
            (tree + "/no", "not there"),
        ] {
            let found = await run(["import", path, "--directory", folder.path])
            #expect(found.code == 1)
            #expect(found.transcript.notes.contains("\(path): "), "\(found.transcript.notes)")
            #expect(found.transcript.notes.contains(words), "\(found.transcript.notes)")
        }
    }

    @Test("a day that is none is an error of usage, and one without files is told")
    func days() async throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for day in ["2026-13-45", "foo", "2026/1/2", "2026"] {
            #expect(await run(["compact", "--dry-run", day]).code == 2, "\(day)")
        }
        try Data("no id".utf8).write(to: folder.appending(path: "archive.id"))
        let words = ["compact", "--dry-run", "2025-01-01", "--directory", folder.path]
        let found = await run(words)
        #expect(found.code == 1)
        #expect(found.transcript.answers.contains("2025/01/01: refused: there are no files"))
        #expect(found.transcript.notes.contains("1 day cannot"), "\(found.transcript.notes)")
    }

    @Test("an archive that is not there is not made unasked, and how to make it is said")
    func begins() async {
        let found = await run(["import", Self.corpus, "--directory", folder.path])
        #expect(found.code == 1)
        #expect(found.transcript.notes.contains("`mkdir \(folder.path)`"))
        #expect(!FileManager.default.fileExists(atPath: folder.path))
    }

    @Test("a tree needs a folder, and only a tree is followed")
    func usage() async {
        #expect(await run(["export", "*", "--format", "g3", "--directory", "/"]).code == 2)
        #expect(
            await run(["export", "*", "--format", "csv", "--follow", "--directory", "/"]).code == 2
        )
    }
}
