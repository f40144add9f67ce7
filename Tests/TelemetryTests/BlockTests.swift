import Telemetry
import Testing

@Suite("Blocks and declarations")
struct BlockTests {
    private let feed = Feed(
        "temperatures",
        fields: [
            Field("kelvin", unit: .kelvin, limits: 0...400), Field("count", .int),
            Field("ok", .bool), Field("note", .string),
        ],
        period: .seconds(1),
        description: "a cryostat",
        lateness: .seconds(2),
        durable: true
    )

    private func block(_ change: (inout Block) -> Void = { _ in }) -> Block {
        var block = Block(
            timestamps: [Timestamp(seconds: 1), Timestamp(seconds: 2)],
            columns: [
                .doubles([4.2, .nan]), .ints([1, nil]), .bools([true, false]), .strings(["", "é"]),
            ]
        )
        change(&block)
        return block
    }

    @Test("a block that fits passes unchanged, NaN and missing values included")
    func fits() throws {
        let checked = try block().checked(for: feed)
        #expect(checked.timestamps == block().timestamps)
        #expect(checked.columns[1].presence == [true, false])
    }

    @Test("integers in a field of doubles are promoted when a double holds them")
    func promotion() throws {
        let promoted = try block { $0.columns[0] = .ints([4, 5]) }.checked(for: feed)
        #expect(promoted.columns[0] == .doubles([4, 5]))
        let large = block { $0.columns[0] = .ints([1 << 53 + 1, 0]) }
        #expect(
            throws: TelemetryError.columnType(
                feed: "temperatures",
                field: "kelvin",
                found: .int,
                expected: .double
            )
        ) { try large.checked(for: feed) }
    }

    @Test("what does not fit is refused by name")
    func refused() {
        #expect(throws: TelemetryError.columnCount(feed: "temperatures", found: 3, expected: 4)) {
            try block { $0.columns.removeLast() }.checked(for: feed)
        }
        #expect(
            throws: TelemetryError.columnLength(
                feed: "temperatures",
                field: "ok",
                found: 1,
                expected: 2
            )
        ) { try block { $0.columns[2] = .bools([true]) }.checked(for: feed) }
        #expect(throws: TelemetryError.rowCount(feed: "temperatures", 0)) {
            try block { $0.timestamps = [] }.checked(for: feed)
        }
        let future = Timestamp(seconds: 8_000_000_000)
        #expect(throws: TelemetryError.timestampOutOfRange(feed: "temperatures", future)) {
            try block { $0.timestamps[1] = future }.checked(for: feed)
        }
    }

    @Test("a declaration survives as a value, and a bad one is none")
    func declarations() {
        #expect(Feed(feed.value) == feed)
        var twice = feed.value.map ?? [:]
        twice["fields"] = .array([feed.fields[0].value, feed.fields[0].value])
        #expect(Feed(.map(twice)) == nil)
        #expect(Feed(["feed": "x"]) == nil)
    }

    @Test(
        "names are what file names and topics can carry",
        arguments: [
            ("cryo-1", true), ("LSA22YE", true), ("_x", true), ("", false), ("a.b", false),
            ("a/b", false), ("-a", false), ("é", false), ("a b", false),
        ]
    )
    func names(name: String, isValid: Bool) {
        #expect(Name.isValid(name) == isValid)
        #expect((FieldName("\(name).f.x") != nil) == isValid)
    }

    @Test("faults, ledger rows, sessions and instances survive as values")
    func values() {
        let fault = Fault(
            id: "disk.low",
            severity: .critical,
            since: Timestamp(seconds: 5),
            text: "full",
            subject: "/data"
        )
        #expect(Fault(fault.value) == fault)
        let entry = LedgerEntry(
            instance: "cryo-1",
            feed: nil,
            from: Timestamp(seconds: 1),
            to: Timestamp(seconds: 2),
            count: nil,
            cause: "damage"
        )
        #expect(LedgerEntry(entry.value) == entry)
        var session = Session(id: 3, operation: "acquire", start: Timestamp(seconds: 9))
        session.status = .done
        session.success = false
        session.end = Timestamp(seconds: 10)
        session.data = ["n": 3]
        session.messages = [Session.Message(time: Timestamp(seconds: 9), text: "hello")]
        #expect(Session(session.value) == session)
        var row = InstanceRow(instance: "cryo-1", className: "Lakeshore372", host: "server")
        row.state = .alive
        row.faults = [fault]
        row.operations = ["acquire": "running"]
        #expect(InstanceRow(row.value) == row)
    }
}
