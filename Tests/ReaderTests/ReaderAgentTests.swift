import AgentRuntime
import SiteConfig
import Telemetry
import Testing

@testable import Reader

@Suite("The reader is an agent like any other", .timeLimit(.minutes(1)))
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
        return try await query.answer(arguments)
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
            #expect(data?["cryo.mixed.s"]?["values"] == ["warm", ""])
            #expect(data?["no.such.field"]?["values"] == .bytes([]))
            let read = try #require(DataAnswer(message: value))
            #expect(read.timelines.first?.timestamps == [at(0.123456789), at(1)])

            let fields = try await ask(reader.agent, "get_fields", ["start": 1, "end": 0])
            #expect(fields["fields"]?.map?.count == 4)
            #expect(fields["fields"]?["cryo.mixed.n"]?["value_type"] == "int")
            #expect(try await ask(reader.agent, "gaps", .null) == [])
            await #expect(throws: QueryError.self) {
                try await ask(reader.agent, "get_data", ["fields": ["a.b.c"], "begin": 0])
            }
        }
    }

    @Test("an answer reads back from its message as it was", arguments: [nil, 3] as [Int?])
    func message(points: Int?) throws {
        let source = MemorySource([
            "a.b": .init(
                feed: feed,
                timestamps: (0..<9).map { at(Double($0)) },
                columns: [
                    .doubles([1, 2, .infinity, nil, 5, -0.5, 7, nil, 9]),
                    .ints((0..<9).map { $0 - 4 }),
                    .bools((0..<9).map { $0 % 2 == 0 }),
                    .strings([nil, "b", "c", "d", "e", "", "g", "h", nil]),
                ],
                finalizedUntil: at(3),
                revision: 2
            )
        ])
        let answer = try QueryEngine(archive: source).data(
            DataQuery(
                fields: [FieldPattern("a.b.*"), FieldPattern("no.such.field")],
                range: at(0)..<at(9),
                reduction: points.map { .buckets($0) } ?? .none
            ),
            noDeadline
        )
        let read = try #require(DataAnswer(message: answer.message()))
        #expect(read.fields == answer.fields)
        #expect(
            read.text(.json, .ns).part(from: 0).bytes
                == answer.text(.json, .ns).part(from: 0).bytes
        )
        #expect(DataAnswer(message: ["data": [:]]) == nil)
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
            #expect(answer.status == 503 && answer.text.contains("not open yet"))
            #expect(try await reader.get("/healthz").status == 200)
        }
        _ = try holder.fields(in: at(0)..<at(1))
    }

    @Test("a port that is taken ends the process with the reason")
    func taken() async throws {
        let archive = try TemporaryArchive()
        try await withReader(archive.path) { reader in
            let server = ReaderServer(
                routes: ReaderRoutes(
                    service: QueryService(
                        engine: QueryEngine(archive: cryostat(seconds: 1)),
                        pool: WorkPool(time: HeldClock(at(0))),
                        time: HeldClock(at(0))
                    ),
                    directory: FixedDirectory()
                ),
                listen: Endpoint(host: "127.0.0.1", port: reader.port)
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
            routes: ReaderRoutes(
                service: QueryService(
                    engine: QueryEngine(archive: cryostat(seconds: 1)),
                    pool: WorkPool(time: HeldClock(at(0))),
                    time: HeldClock(at(0))
                ),
                directory: FixedDirectory()
            ),
            listen: Endpoint(host: "0.0.0.0", port: 0)
        )
        await #expect(throws: ReaderError.notLoopback("0.0.0.0:0")) {
            try await server.run { _ in }
        }
    }
}
