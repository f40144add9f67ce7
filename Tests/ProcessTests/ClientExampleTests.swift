import CerroTesting
import Foundation
import Testing

@Suite("The example of a client in Swift", .timeLimit(.minutes(10)))
struct ClientExampleTests {
    @Test("it starts what stands still, ramps in steps and reports from the archive")
    func example() async throws {
        try await ProcessSite.run(agents: ["{class: FakeData, id: fake-1, start: [count]}"]) {
            site in
            try await site.untilArchived(1, of: "fake-1.counter.n")
            let example = URL(filePath: RunningProgram.cerro).deletingLastPathComponent()
                .appending(path: "ClientExample").path
            let program = try RunningProgram(words: [example, site.file])
            #expect(try await program.untilEnd() == .code(0), "\(program.output)")
            let lines = program.lines
            #expect(lines.first?.hasPrefix("fake-1 acquire #") == true, "\(lines)")
            for step in [0.2, 0.1, 0.05] {
                #expect(lines.contains("fake-1: step \(step) done"), "\(lines)")
            }
        }
    }

    @Test("where nobody answers it says so and ends with 1")
    func nobody() async throws {
        let folder = try TemporaryFolder()
        let file = folder.path + "/site.yaml"
        try """
        site: test
        registry: {port: \(try TakenPort.free())}
        hosts: {a: {address: 127.0.0.1}}
        """
        .write(toFile: file, atomically: true, encoding: .utf8)
        let example = URL(filePath: RunningProgram.cerro).deletingLastPathComponent()
            .appending(path: "ClientExample").path
        let program = try RunningProgram(words: [example, file])
        #expect(try await program.untilEnd() == .code(1))
        #expect(program.output.contains("it ended early: the registry at"))
    }
}
