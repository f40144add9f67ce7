import MessagePack
import Registry
import Telemetry
import Testing

@Suite("Heartbeats")
struct HeartbeatTests {
    private static let whole: [String: Value] = [
        "instance": "cryo-1", "epoch": 7, "clock": 1_000_000_500, "offset_ns": 400,
        "round_trip_ns": 90, "published": 12, "refused": 3, "audited": 4,
        "operations": ["acquire": "running"],
        "faults": [
            ["id": "disk.low", "severity": "error", "since": 5, "text": "full", "subject": "/"]
        ],
        "control": [
            "holder": "alice", "proof": "local", "reason": "cooldown", "since": 1, "until": 2,
        ],
    ]

    /// The row of cryo-1 after one heartbeat, which came at second 1.
    private func row(after heartbeat: [String: Value]) throws -> InstanceRow {
        var row = InstanceRow(instance: "cryo-1", className: "FakeData", host: "server")
        row.epoch = 7
        row.published = 1
        row.operations = ["acquire": "starting"]
        var table = SiteTable(expected: [], lease: .seconds(5), restartedAt: nil)
        _ = table.register(row, showsLease: false, now: .zero)
        let heard = try #require(Heartbeat(Value.map(heartbeat).messagePack))
        #expect(
            table.heartbeat(heard, now: .zero, wallClock: Timestamp(seconds: 1)) == .granted
        )
        return try #require(table["cryo-1"])
    }

    @Test("all that a heartbeat says is in the row")
    func everything() throws {
        let row = try row(after: Self.whole)
        #expect(row.seen == Timestamp(seconds: 1))
        #expect(row.clockOffset == .nanoseconds(400))
        #expect(row.roundTrip == .nanoseconds(90))
        #expect([row.published, row.refused, row.audited] == [12, 3, 4])
        #expect(row.operations == ["acquire": "running"])
        #expect(row.faults.map(\.text) == ["full"])
        #expect(row.control?.holder == "alice")
    }

    // Each row: what the heartbeat says of its clock, and the offset and round trip of the row.
    @Test(
        "what the instance has measured of its clock counts, unless it is no delay on the way",
        arguments: [
            ([:], 0, nil), (["clock": 1_000_000_500], 500, nil),
            (["clock": 1_000_000_500, "offset_ns": 400], 500, nil),
            (["clock": 1_000_000_500, "offset_ns": 400, "round_trip_ns": -1], 500, nil),
            (["clock": 1_000_000_500, "offset_ns": -400, "round_trip_ns": 0], -400, 0),
            (
                ["clock": 3_000_000_000, "offset_ns": 1_000_000_001, "round_trip_ns": 9],
                1_000_000_001, 9
            ),
            (
                ["clock": 3_000_000_000, "offset_ns": 1_000_000_000, "round_trip_ns": 9],
                2_000_000_000, nil
            ),
        ] as [([String: Value], Int64, Int64?)]
    )
    func clock(_ said: [String: Value], _ offset: Int64, _ roundTrip: Int64?) throws {
        let named: [String: Value] = ["instance": "cryo-1", "epoch": 7]
        let row = try row(after: named.merging(said) { $1 })
        #expect(row.clockOffset == .nanoseconds(offset))
        #expect(row.roundTrip == roundTrip.map { .nanoseconds($0) })
    }

    @Test("what is left out, or of another form, leaves the row as it is")
    func leftOut() throws {
        let named: [String: Value] = ["instance": "cryo-1", "epoch": 7]
        let odd: [String: Value] = [
            "published": "many", "operations": 5, "faults": ["none"], "control": true,
            "clock": "noon", "to come": ["a": [1, 2]],
        ]
        for heartbeat in [named, named.merging(odd) { $1 }] {
            let row = try row(after: heartbeat)
            #expect(row.published == 1)
            #expect(row.operations == ["acquire": "starting"])
            #expect(row.faults == [])
            #expect(row.control == nil)
            #expect(row.clockOffset == .zero)
        }
    }

    @Test("what names nobody, or is cut off anywhere, is no heartbeat")
    func refused() {
        let wrong: [Value] = [
            [:], .null, ["cryo-1", 7], ["instance": "cryo-1"], ["epoch": 7],
            ["instance": 1, "epoch": 7], ["instance": "cryo-1", "epoch": "7"],
            ["instance": "", "epoch": 7], ["instance": "cryo-1", "epoch": 0],
        ]
        for value in wrong { #expect(Heartbeat(value.messagePack) == nil, "\(value)") }
        let whole = Value.map(Self.whole).messagePack
        for end in 0..<whole.count {
            #expect(Heartbeat(Array(whole[..<end])) == nil, "\(end) of \(whole.count) bytes")
        }
        #expect(Heartbeat([0x81, 0x01, 0x02]) == nil)
    }

    // Goal: no bytes trap the registry. Method: each byte of a whole heartbeat in turn becomes the
    // beginning of each kind of item, and what is read nevertheless is told to a table.
    @Test("a damaged heartbeat is refused or read, never more")
    func damaged() throws {
        let whole = Value.map(Self.whole).messagePack
        var row = InstanceRow(instance: "cryo-1", className: "FakeData", host: "server")
        row.epoch = 7
        var table = SiteTable(expected: [], lease: .seconds(5), restartedAt: nil)
        _ = table.register(row, showsLease: false, now: .zero)
        var refused = 0
        for place in whole.indices {
            for type in [0x00, 0x7F, 0x8F, 0x9F, 0xBF, 0xC0, 0xC1, 0xC6, 0xD3, 0xDB, 0xDD, 0xDF] {
                var bytes = whole
                bytes[place] = UInt8(type)
                guard let heartbeat = Heartbeat(bytes) else {
                    refused += 1
                    continue
                }
                let answer = table.heartbeat(heartbeat, now: .zero, wallClock: .init(seconds: 1))
                let isOwn = heartbeat.instance == "cryo-1" && heartbeat.epoch == 7
                #expect((answer == .granted) == isOwn)
            }
        }
        #expect(refused > whole.count)
    }
}
