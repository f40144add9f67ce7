import AgentClient
import CerroTesting
import Foundation
import MessageBus
import Telemetry
import Testing

private let fake =
    "{class: FakeData, id: fake-1, start: [load], arguments: {load: {fields: 2, rate: 500}}}"

@Suite("Real processes", .serialized, .timeLimit(.minutes(10)))
struct UpTests {
    // Goal: a site as people run it: segments are closed and sealed each second, data are asked for
    // over HTTP and over ZeroMQ, a second process wants to be an instance, Ctrl-C ends it.
    @Test("a site keeps every sample over rotations, answers on both ways and ends with code 0")
    func wholeSite() async throws {
        let host = "{class: HostMetrics, id: host-1, start: [acquire]}"
        try await ProcessSite.run(agents: [fake, host]) { site in
            var numbers: [Int64] = []
            // Five rotations: what is sealed, what is being sealed and the open journal.
            while numbers.count < 2500 {
                numbers = try await site.untilArchived(numbers.count + 250, of: "fake-1.load.n")
                #expect(numbers == Array(1...Int64(numbers.count)))
            }
            try await refuseSecond(site)
            let accepted = try await site.stopLoad("fake-1")
            numbers = try await site.untilArchived(Int(accepted), of: "fake-1.load.n")
            #expect(numbers == Array(1...accepted))
            try await compare(site, numbers)
            let fields = try await site.get("api/v1/fields?start=1")
            #expect(fields.json.contains("host-1."))
        }
    }

    private func refuseSecond(_ site: ProcessSite) async throws {
        let holder = try #require(try site.up.pid(of: "fake-1"))
        let (code, output) = try await RunningProgram.run(
            ["agent", "run", "fake-1", "--site", site.file]
        )
        #expect(code == 4)
        #expect(output.contains("\(holder)"), "\(output)")
        #expect(output.contains("fake-1"), "\(output)")
    }

    /// The same samples over ZeroMQ, as the command line gets them.
    private func compare(_ site: ProcessSite, _ numbers: [Int64]) async throws {
        let (code, output) = try await RunningProgram.run([
            "get", "fake-1.load.n", "--start", "1", "--format", "csv", "--site", site.file,
        ])
        #expect(code == 0, "\(output.prefix(1000))")
        let values = output.split(separator: "\n").compactMap { line in
            line.split(separator: ",").last.flatMap { Int64($0) }
        }
        #expect(values == numbers)
    }

    // Goal: the supervisor dies of something that it cannot catch.
    // Method: the output that all processes of the site inherited ends with the last of them.
    @Test("the instances of a supervisor that was killed notice it and end")
    func killedSupervisor() async throws {
        try await ProcessSite.run(agents: [fake]) { site in
            try await site.untilArchived(10, of: "fake-1.load.n")
            try site.up.kill(SIGKILL)
            #expect(try await site.up.untilEnd() == .signal(SIGKILL))
        }
    }
}
