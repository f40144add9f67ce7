import Telemetry
import Testing

/// What people and browsers read, and what they write.
@Suite("values as JSON")
struct ValueJSONTests {
    @Test(
        "a value has one form",
        arguments: [
            (Value.null, "null"), (.bool(true), "true"), (.int(.min), "-9223372036854775808"),
            (.double(4.2), "4.2"), (.double(4), "4.0"), (.double(.nan), "null"),
            (.double(-.infinity), "null"), (.double(1e300), "1e+300"), (.string("K"), "\"K\""),
            (.string("\"\\\n\u{1}\u{2028}é"), #""\"\\\n\u0001\u2028é""#),
            (.bytes([0, 255, 16]), "\"00ff10\""), (.array([]), "[]"), (.map([:]), "{}"),
            (.array([.int(1), .null]), "[1,null]"),
            (.map(["b": .int(2), "a": .array([.bool(false)])]), #"{"a":[false],"b":2}"#),
        ]
    )
    func writing(value: Value, text: String) {
        #expect(value.json == text)
    }

    @Test("people get one member a line")
    func indented() {
        let value: Value = ["b": .array([]), "a": .array([.int(1), .int(2)])]
        #expect(value.indentedJSON == "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": []\n}")
    }

    @Test(
        "a text is read as it was meant",
        arguments: [
            (" null ", Value.null), ("-12", .int(-12)), ("1.0", .double(1)), ("1e3", .double(1000)),
            ("9223372036854775807", .int(.max)), ("9223372036854775808", .double(0x1p63)),
            ("-0.5E-1", .double(-0.05)), (#""é\u00e9\ud83d\ude00\/""#, .string("éé😀/")),
            ("[1, [true]]", .array([.int(1), .array([.bool(true)])])), ("[]", .array([])),
            (#"{"a" : {}, "a": 2}"#, .map(["a": .int(2)])),
        ]
    )
    func reading(text: String, value: Value) throws {
        #expect(try Value(json: text) == value)
    }

    @Test(
        "what is no JSON is refused with its place",
        arguments: [
            ("", 0), ("nul", 0), ("01", 0), ("1.", 2), ("1e", 2), ("+1", 0), ("NaN", 0),
            ("[1,]", 3),
            ("[1 2]", 3), ("{a: 1}", 1), (#"{"a" 1}"#, 5), ("\"a", 2), ("\"\u{1}\"", 1),
            (#""\x""#, 3), (#""\ud800""#, 7), (#""\u12"#, 3), ("1 2", 2), ("1e999", 5),
        ]
    )
    func refusing(text: String, byte: Int) {
        #expect { try Value(json: text) } throws: { ($0 as? JSONError)?.byte == byte }
    }

    @Test("nesting has a limit, so that a text cannot exhaust the stack")
    func depth() throws {
        let most = JSONError.deepest
        let text = String(repeating: "[", count: most) + String(repeating: "]", count: most)
        #expect(throws: Never.self) { try Value(json: text) }
        #expect(throws: JSONError.self) { try Value(json: "[" + text + "]" + "]") }
        #expect(throws: JSONError.self) {
            try Value(json: String(repeating: "[", count: 1_000_000))
        }
    }
}
