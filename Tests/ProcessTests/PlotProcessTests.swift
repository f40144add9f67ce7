import CerroTesting
import Foundation
import Testing

private let fake =
    "{class: FakeData, id: fake-1, start: [load], arguments: {load: {fields: 2, rate: 200}}}"

@Suite("cerro plot of a real site", .serialized, .timeLimit(.minutes(10)))
struct PlotProcessTests {
    @Test("text without escape codes into a pipe, a picture into a file, clear ends otherwise")
    func plot() async throws {
        try await ProcessSite.run(agents: [fake]) { site in
            try await site.untilArchived(200, of: "fake-1.load.n")
            let run = { (words: [String]) async throws -> (code: Int32?, output: String) in
                try await RunningProgram.run(["plot"] + words + ["--site", site.file])
            }
            let text = try await run(["fake-1.load.n", "--start", "-1min"])
            #expect(text.code == 0, "\(text.output)")
            #expect(text.output.contains("a fake-1.load.n  min 1  mean "), "\(text.output)")
            #expect(text.output.unicodeScalars.contains { (0x2801...0x28FF).contains($0.value) })
            #expect(!text.output.contains("\u{1B}"))

            let file = site.folder.path + "/plot.png"
            let picture = try await run(["fake-1.load.*", "--start", "-1min", "--png", file])
            #expect(picture.code == 0, "\(picture.output)")
            let bytes = try Data(contentsOf: URL(filePath: file))
            #expect(bytes.dropFirst(1).prefix(3) == Data("PNG".utf8) && bytes.count > 5000)

            let unknown = try await run(["fake-1.load.m"])
            #expect(unknown.code == 1 && unknown.output.contains("did you mean"))
            let empty = try await run(["fake-1.load.n", "--start", "-2d", "--end", "-1d"])
            #expect(empty.code == 1 && empty.output.contains("there is nothing to plot"))
            let nowhere = try await run(["fake-1.load.n", "--png", "/nowhere/plot.png"])
            #expect(nowhere.code == 1 && nowhere.output.contains("cannot be written"))
            #expect(try await run([]).code == 2)
        }
    }
}
