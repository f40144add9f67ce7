import CerroTesting
import Foundation
import Testing

@Suite("cerro bench as a process", .timeLimit(.minutes(10)))
struct BenchProcessTests {
    // Goal: whoever has seen enough presses Ctrl-C, also while a process of the bench stands still.
    // Method: the end of the program is that of all processes below it.
    @Test(
        "Ctrl-C ends a benchmark with all its processes, and leaves no folder",
        arguments: [
            ["ingest", "--duration", "600"], ["archive", "--measure", "read", "--hours", "9000"],
            ["archive", "--measure", "plot"],
            ["faults", "--fault", "stalled", "--duration", "600", "--rate", "100"],
        ]
    )
    func interrupted(words: [String]) async throws {
        let folder = try TemporaryFolder()
        let bench = try RunningProgram(["bench"] + words + ["--folder", folder.path])
        func journals() -> [String] {
            let paths = FileManager.default.enumerator(atPath: folder.path)
            return (paths?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".journal") }
        }
        try await eventually("a journal; said:\n\(bench.output)") {
            journals().isEmpty ? nil : true
        }
        bench.kill(SIGINT)
        #expect(try await bench.untilEnd() == .code(1))
        #expect(bench.output.contains("ended before anything was found"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }

    @Test("a small benchmark names its floor, and loses and doubles nothing")
    func memory() async throws {
        let (code, output) = try await RunningProgram.run(
            ["bench", "memory", "--agents", "2", "--duration", "1", "--json"]
        )
        #expect(code == 0, "\(output)")
        for part in [#""memory of the registry""#, #""floor":{"#, #""lost":0"#, #""doubled":0"#] {
            #expect(output.contains(part), "\(output)")
        }
    }
}
