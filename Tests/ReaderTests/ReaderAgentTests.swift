import AgentRuntime
import Archive
import CerroTesting
import Foundation
import SiteConfig
import MessageBus
import Telemetry
import Testing

@testable import Reader

@Suite("The reader is an agent like any other", .timeLimit(.minutes(10)))
struct ReaderAgentTests {
    private let feed = Feed(
        "mixed",
        fields: [Field("x"), Field("n", .int), Field("ok", .bool), Field("s", .string)]
    )

    private func ask(
        _ agent: ReaderAgent,
        _ action: String,
        _ arguments: Value
    ) async throws
        -> Value
    {
        let query = try #require(agent.queries.first { $0.action == action })
        return try await query.answer(arguments, Caller(name: "test", proof: .local))
    }

    @Test("queries of the bus carry numbers as bytes, to the nanosecond")
    func binary() async throws {
        let archive = try TemporaryArchive()
        try archive.commit(
            "cryo",
            feed,
            Block(
                timestamps: [at(0.123456789), at(1)],
                columns: [
                    .doubles([1.5, nil]), .ints([-1, 256]), .bools([true, false]),
                    .strings(["warm", nil]),
                ]
            )
        )
        try await withReader(archive.path) { reader in
            let arguments: Value = [
                "fields": ["cryo.mixed.*", "no.such.field"], "start": -3600, "end": 0,
            ]
            let value = try await ask(reader.agent, "get_data", arguments)
            let data = value["data"]
            #expect(
                data?["cryo.mixed.x"] == [
                    "type": "double", "presence": .bytes([1]),
                    "values": .bytes(
                        [0, 0, 0, 0, 0, 0, 0xF8, 0x3F] + Array(repeating: 0, count: 8)
                    ),
                ]
            )
            #expect(
                data?["cryo.mixed.n"] == [
                    "type": "int",
                    "values": .bytes(Array(repeating: 0xFF, count: 8) + [0, 1, 0, 0, 0, 0, 0, 0]),
                ]
            )
            #expect(data?["cryo.mixed.ok"] == ["type": "bool", "values": .bytes([1, 0])])
            let places: [UInt8] = [0, 0, 0, 0, 1, 0, 0, 0]
            #expect(
                data?["cryo.mixed.s"]?["values"]
                    == ["texts": ["warm", ""], "places": .bytes(places)]
            )
            #expect(data?["no.such.field"]?["values"] == .bytes([]))
            let times = bytes(of: at(0.123456789)) + bytes(of: at(1))
            #expect(value["timeline"]?["cryo.mixed"]?["t"] == .bytes(times))

            let fields = try await ask(reader.agent, "get_fields", ["start": 1, "end": 0])
            #expect(fields["fields"]?.map?.count == 4)
            #expect(fields["fields"]?["cryo.mixed.n"]?["value_type"] == "int")
            #expect(
                try await ask(reader.agent, "gaps", .null)
                    == ["gaps": [], "marks": [], "left_out": 0, "notes": [], "unknown": []]
            )
            await #expect(throws: QueryFailure.self) {
                try await ask(reader.agent, "get_data", ["fields": ["a.b.c"], "begin": 0])
            }
        }
    }

    @Test("an archive that cannot be opened degrades the session until it can")
    func degraded() async throws {
        let archive = try TemporaryArchive()
        let holder = ArchiveSource(directory: archive.path, holder: "the other", cache: 1 << 20)
        try holder.refresh()
        try await withReader(archive.path) { reader in
            let reason = reader.backing.degradations.first ?? nil
            #expect(reason?.contains("the other") ?? false)
            let answer = try await reader.get("/api/v1/fields")
            #expect(answer.status == 503 && answer.text.contains("is open while"))
            #expect(try await reader.get("/healthz").status == 200)
        }
        _ = try holder.fields(in: at(0)..<at(1))
    }

    private static var service: QueryService {
        QueryService(
            engine: QueryEngine(archive: cryostat(seconds: 1)),
            pool: WorkPool(time: ManualTimeSource(at(0))),
            time: ManualTimeSource(at(0))
        )
    }

    // Goal: a port that somebody has at boot, and no person who starts the reader again.
    // Method: a socket has it for one try; the session's clock moves on once it is free, past the
    // three that sleep: who listens, who looks at the archive, and who wakes that one.
    @Test("without its port the reader answers the bus, and serves HTTP once the port is free")
    func portLater() async throws {
        let archive = try TemporaryArchive()
        let port = try TakenPort.free()
        var taken = TakenPort(port)
        #expect(taken != nil)
        let clock = ManualTimeSource(at(0))
        let backing = RecordingBacking(clock)
        let agent = ReaderAgent(
            archive: archive.path,
            holder: "test",
            settings: ReaderSettings(
                listen: Endpoint(host: "127.0.0.1", port: port),
                cache: 1 << 20
            ),
            site: FixedSite(),
            labels: SeriesLabels(site: "hill", homes: [:]),
            time: ManualTimeSource(at(0))
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await agent.serve(OperationSession(backing)) }
            await clock.somebodySleeps(atLeast: 3)
            let reason =
                "cannot listen on 127.0.0.1:\(port): Address already in use (errno 98); "
                + "give `listen` of the reader another port, or 0 for any that is free"
            #expect(backing.degradations.last == reason)
            #expect(backing.faults == ["http.closed": reason])
            #expect(try await ask(agent, "get_fields", .null)["fields"] == [:])

            taken = nil
            await clock.advance(by: ReaderLimits.listenPeriod, past: 3)
            #expect(await backing.ready() == port)
            #expect(backing.faults.isEmpty)
            group.cancelAll()
            try await group.waitForAll()
        }
        #expect(backing.degradations.last == .some(nil))
    }

    // Goal: whoever asks how the site stands learns of a file that is cut, without reading logs.
    @Test("while files of the archive are damaged a fault says so")
    func damagedFile() async throws {
        let archive = try TemporaryArchive()
        let day = archive.path + "/1970/01/01"
        try FileManager.default.createDirectory(
            atPath: day,
            withIntermediateDirectories: true
        )
        let file = URL(filePath: day + "/000000-000000000000000100000002.cerro")
        try Data(repeating: 0, count: 99).write(to: file)
        let clock = ManualTimeSource(at(0))
        let backing = RecordingBacking(clock)
        let agent = ReaderAgent(
            archive: archive.path,
            holder: "test",
            settings: ReaderSettings(listen: Endpoint(host: "127.0.0.1", port: 0), cache: 1 << 20),
            site: FixedSite(),
            labels: SeriesLabels(site: "hill", homes: [:]),
            time: ManualTimeSource(at(0))
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await agent.serve(OperationSession(backing)) }
            await clock.somebodySleeps(atLeast: 2)
            let text = "1 file is cut or damaged: `cerro archive verify` says what is lost"
            #expect(backing.faults == ["archive.damaged": text])
            group.cancelAll()
            try await group.waitForAll()
        }
        #expect(backing.faults.isEmpty)
    }

    @Test("a port that is taken is told with the reason")
    func taken() async throws {
        let archive = try TemporaryArchive()
        try await withReader(archive.path) { reader in
            let server = ReaderServer(
                Self.service,
                listen: Endpoint(host: "127.0.0.1", port: reader.port),
                time: ManualTimeSource(at(0))
            )
            let error = await #expect(throws: ReaderError.self) {
                try await server.run { _ in }
            }
            #expect(error?.description.contains("127.0.0.1:\(reader.port)") ?? false)
        }
    }

    @Test("HTTP does not open off loopback")
    func offLoopback() async {
        let server = ReaderServer(
            Self.service,
            listen: Endpoint(host: "0.0.0.0", port: 0),
            time: ManualTimeSource(at(0))
        )
        await #expect(throws: ReaderError.notLoopback("0.0.0.0:0")) {
            try await server.run { _ in }
        }
    }
}
