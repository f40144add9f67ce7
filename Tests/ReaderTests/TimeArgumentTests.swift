import MessageBus
import Telemetry
import Testing

@testable import Reader

@Suite("Times are read as people and sisock's clients give them")
struct TimeArgumentTests {
    let now = Timestamp(nanoseconds: 1_795_240_800_250_000_000)

    @Test(
        "every form of the table resolves on the server's clock",
        arguments: [
            ("now", 1_795_240_800_250_000_000), ("0", 1_795_240_800_250_000_000),
            ("-3600", 1_795_237_200_250_000_000), ("-0.25", 1_795_240_800_000_000_000),
            ("-1h", 1_795_237_200_250_000_000), ("-90 s", 1_795_240_710_250_000_000),
            ("-1.5d", 1_795_111_200_250_000_000), ("now-5min", 1_795_240_500_250_000_000),
            ("-250ms", 1_795_240_800_000_000_000), ("1", 1_000_000_000),
            ("1795240800", 1_795_240_800_000_000_000),
            ("1795240800.123456789", 1_795_240_800_123_456_789),
            ("1795240800.1234567891", 1_795_240_800_123_456_789),
            ("1795240800123456789", 1_795_240_800_123_456_789),
            ("2026-11-21T06:00:00.5Z", 1_795_240_800_500_000_000),
            ("2026-11-21T07:00:00+01:00", 1_795_240_800_000_000_000),
            ("2026-11-21", 1_795_219_200_000_000_000), ("1970-01-01T00:00:00Z", 0),
        ] as [(String, Int64)]
    )
    func resolves(_ text: String, _ nanoseconds: Int64) throws {
        let argument = try TimeArgument(text, argument: "start")
        #expect(argument.resolved(at: now) == Timestamp(nanoseconds: nanoseconds))
    }

    @Test(
        "what is no time is refused by name, with what is possible",
        arguments: [
            "", "yesterday", "1h", "+1h", "-1 fortnight", "1e9", "1.", ".5", "--1", "1795240800123",
            "1795240800123456", "-1795240800123456789", "2026-02-30", "nan", "-", "now-", "now+1h",
            "99999999999999999999999",
        ]
    )
    func refuses(_ text: String) {
        let error = #expect(throws: QueryError.self) {
            try TimeArgument(text, argument: "end")
        }
        #expect("\(error.map(String.init(describing:)) ?? "")".hasPrefix("`end` is `\(text)`"))
        #expect(error?.code == .parameterInvalid)
    }

    @Test("numbers of a request mean the same as their texts")
    func numbers() throws {
        let whole = try TimeArgument(.int(-60), argument: "start")
        #expect(whole.resolved(at: now) == now - .seconds(60))
        let part = try TimeArgument(.double(-0.5), argument: "start")
        #expect(part.resolved(at: now) == now - .milliseconds(500))
        let unix = try TimeArgument(.double(1_795_240_800.5), argument: "start")
        #expect(unix.resolved(at: now) == Timestamp(nanoseconds: 1_795_240_800_500_000_000))
        #expect(throws: QueryError.self) { try TimeArgument(.double(.nan), argument: "start") }
        #expect(throws: QueryError.self) { try TimeArgument(.bool(true), argument: "start") }
    }
}

@Suite("Arguments are checked before anything is read")
struct QueryArgumentsTests {
    let now = at(0)

    private func data(_ pairs: (String, String)...) throws(QueryError) -> DataQuery {
        try DataQuery(QueryArguments(pairs: pairs.map { ($0.0, $0.1) }), now: now)
    }

    @Test("a repeated field is a list, the end is now where it is left out")
    func reads() throws {
        let query = try data(
            ("field", "a.b.c"),
            ("field", "a.b.d"),
            ("start", "-60"),
            ("max_points", "500")
        )
        #expect(query.fields.map(\.text) == ["a.b.c", "a.b.d"])
        #expect(query.range == now - .seconds(60)..<now)
        #expect(query.reduction == .buckets(500))
        #expect(
            try data(("field", "a.b.c"), ("start", "1"), ("min_stride", "1.5")).reduction
                == .stride(.milliseconds(1500))
        )
    }

    @Test("a range that runs backwards or is empty says so")
    func backwards() {
        let error = #expect(throws: QueryError.self) {
            try data(("field", "a.b.c"), ("start", "-60"), ("end", "-60"))
        }
        #expect(
            "\(error.map(String.init(describing:)) ?? "")" == "the start 2026-11-21T05:59:00Z is "
                + "not before the end 2026-11-21T05:59:00Z; a range holds its start and not its end"
        )
    }

    @Test("an unknown parameter is refused with the nearest known one")
    func unknown() {
        let error = #expect(throws: QueryError.self) {
            try data(("field", "a.b.c"), ("start", "-60"), ("max_point", "5"))
        }
        let text = "\(error.map(String.init(describing:)) ?? "")"
        #expect(text.hasPrefix("there is no parameter `max_point`; did you mean `max_points`?"))
    }

    @Test(
        "impossible values are refused by name",
        arguments: [
            ("max_points", "0"), ("max_points", "-1"), ("max_points", "many"),
            ("max_points", "1000001"), ("min_stride", "-1"), ("min_stride", "nan"),
            ("min_stride", "1 s"), ("field", ""),
        ]
    )
    func impossible(_ name: String, _ text: String) {
        let error = #expect(throws: QueryError.self) {
            try data(("fields", "a.b.c"), ("start", "-60"), (name, text))
        }
        #expect(error?.description.hasPrefix("`\(name)` is ") ?? false)
    }

    // Goal: an address of 64 KiB cannot keep a thread busy for minutes.
    @Test(
        "many times one name, and as many stars as fit, are read at once",
        .timeLimit(.minutes(10))
    )
    func crowded() throws {
        let pairs = AddressQuery.pairs(String(repeating: "a&", count: 32_000) + "field=a.b.c")
        let arguments = QueryArguments(pairs: pairs)
        #expect(throws: QueryError.self) { try DataQuery(arguments, now: now) }
        let stars = FieldPattern(String(repeating: "*", count: 60_000) + "x*.c")
        #expect(
            stars.mayMatch(beginning: "box.b.")
                == FieldPattern("*x*.c").mayMatch(beginning: "box.b.")
        )
        let long = String(repeating: "a", count: ReaderLimits.patternBytes + 1)
        let error = #expect(throws: QueryError.self) {
            try data(("field", long), ("start", "-60"))
        }
        #expect(error?.description.contains("a text of 1025 bytes") == true)
    }

    @Test("both reductions at once, no field or no start are refused")
    func incomplete() {
        #expect(throws: QueryError.self) { try data(("start", "-60")) }
        #expect(throws: QueryError.self) { try data(("field", "a.b.c")) }
        #expect(throws: QueryError.self) {
            try data(("field", "a"), ("start", "-6"), ("max_points", "5"), ("min_stride", "1"))
        }
    }

    @Test(
        "0 is 1970 where a range starts, and now where it ends",
        arguments: [
            "0", "0.0", .int(0), .double(0),
        ] as [Value]
    )
    func zero(value: Value) throws {
        let query = try FieldsQuery(QueryArguments(["start": value, "end": value]), now: now)
        #expect(query.range == Timestamp(nanoseconds: 0)..<now)
        let never = try QueryArguments(["start": "now", "end": "0"])
        #expect(throws: QueryError.self) { try FieldsQuery(never, now: now) }
    }

    @Test("sisock's (1, 0) is everything until now; without times it is all there is")
    func everything() throws {
        let query = try FieldsQuery(QueryArguments(["start": 1, "end": 0]), now: now)
        #expect(query.range == Timestamp(seconds: 1)..<now)
        let all = try FieldsQuery(QueryArguments(.null), now: now)
        #expect(all.range == FieldsQuery.allTime && all.range.upperBound > now)
    }

    @Test("an address is decoded, broken escapes stay as they are")
    func address() {
        let pairs = AddressQuery.pairs("field=a%2Eb.c&start=-1+h&x&y=%zz%4&z=%C3%A9")
        #expect(pairs.map(\.name) == ["field", "start", "x", "y", "z"])
        #expect(pairs.map(\.text) == ["a.b.c", "-1 h", "", "%zz%4", "é"])
    }
}

@Suite("Names are found by pattern and by nearness")
struct FieldPatternTests {
    @Test(
        "a star stands for any run of characters",
        arguments: [
            ("a.b.c", "a.b.c", true), ("a.b.c", "a.b.d", false), ("*", "", true),
            ("*", "a.b.c", true), ("a.*", "a.b.c", true), ("a.*.c", "a.b.x.c", true),
            ("*.c", "a.b.cc", false), ("a**c", "abc", true), ("*b*", "abc", true),
            ("*aab", "aaaab", true), ("a*b*c", "a.c.b", false), ("", "a", false),
        ]
    )
    func matches(_ pattern: String, _ name: String, _ expected: Bool) {
        #expect(FieldPattern(pattern).matches(name) == expected)
    }

    @Test("a hostile pattern takes no exponential time")
    func hostile() {
        let pattern = FieldPattern(String(repeating: "*a", count: 200) + "b")
        #expect(!pattern.matches(String(repeating: "a", count: 2000)))
    }

    @Test("slips of the finger are forgiven, other words are not")
    func near() {
        let names = ["cryo.temps.stage", "cryo.temps.stage_2", "dome.motor.angle"]
        #expect(NearMatch.nearest(to: "cryo.tmeps.stage", among: names).first == "cryo.temps.stage")
        #expect(NearMatch.nearest(to: "Cryo.Temps.Stage", among: names).first == "cryo.temps.stage")
        #expect(NearMatch.nearest(to: "weather", among: names).isEmpty)
        #expect(NearMatch.distance(Array("ab".utf8), Array("ba".utf8)) == 1)
        #expect(NearMatch.distance(Array("kitten".utf8), Array("sitting".utf8)) == 3)
    }
}
