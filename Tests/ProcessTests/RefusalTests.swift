import CerroTesting
import Foundation
import Testing

@Suite("Real processes that cannot begin", .timeLimit(.minutes(10)))
struct RefusalTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func site(
        port: Int = 0,
        archive: String = "archive",
        spool: String = "spool",
        agent: String = "{class: FakeData, id: fake-1}"
    ) throws -> String {
        let file = folder.path + "/site.yaml"
        let text = """
            site: test
            registry: {address: 127.0.0.1, port: \(port)}
            archive: {directory: \(archive)}
            spool: {directory: \(spool)}
            hosts:
              here: {address: 127.0.0.1, ports: 0, agents: [\(agent)]}
            """
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }

    @Test("a port that is taken is one sentence and code 1")
    func port() async throws {
        let port = try TakenPort.free()
        let taken = try #require(TakenPort(port))
        let (code, output) = try await RunningProgram.run(
            ["agent", "run", "registry", "--site", site(port: port)]
        )
        withExtendedLifetime(taken) {}
        #expect(code == 1)
        #expect(output.contains("port \(port) of 127.0.0.1 is taken"), "\(output)")
        #expect(output.split(separator: "\n").count == 1, "\(output)")
    }

    // A file stands where the folder should be: not even root can write there.
    @Test("a folder that cannot be written is one sentence and code 1")
    func folderInTheWay() async throws {
        try "".write(toFile: folder.path + "/file", atomically: true, encoding: .utf8)
        let (code, output) = try await RunningProgram.run(
            ["agent", "run", "fake-1", "--site", site(spool: "file/spool")]
        )
        #expect(code == 1)
        #expect(output.contains("file/spool"), "\(output)")
        #expect(output.split(separator: "\n").count == 1, "\(output)")
    }

    @Test(
        "a wrong site file is code 2, with the place of each mistake",
        arguments: ["up", "agent"]
    )
    func wrongFile(command: String) async throws {
        let file = try site(agent: "{class: FakeDate, id: fake-1}")
        let words = command == "up" ? ["up"] : ["agent", "run", "fake-1"]
        let (code, output) = try await RunningProgram.run(words + ["--site", file])
        #expect(code == 2)
        #expect(output.contains("\(file):6:"), "\(output)")
        #expect(output.contains("FakeData"), "\(output)")
    }

    @Test("an instance that the site file does not have is code 2 and names those that it has")
    func unknown() async throws {
        let (code, output) = try await RunningProgram.run(
            ["agent", "run", "fake-2", "--site", site()]
        )
        #expect(code == 2)
        #expect(output.contains("fake-1"), "\(output)")
    }
}
