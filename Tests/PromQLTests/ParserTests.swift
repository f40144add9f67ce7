import PromQL
import Telemetry
import Testing

@Suite struct ParserTests {
    // Goal: whoever types something wrong sees where, what was found and what would be right.
    // Method: a table of texts, each with words of its error.
    @Test(
        "a wrong expression is refused with its place and what was expected",
        arguments: [
            ("", "at byte 0: found the end; expected a number, a selector, a function or `(`"),
            ("1 +", "at byte 3: found the end"),
            ("query 1+1", "found the number 1.0; expected an operator or the end"),
            ("metric{", "found the end; expected `}`"),
            ("metric{a}", "found `}`; expected one of =, !=, =~ and !~"),
            ("metric{a=1}", "expected a text in quotes"),
            (#"metric{a="x}"#, "at byte 9: found a text that does not end; expected its quote"),
            (#"metric{a="\q"}"#, "expected one of"),
            (#"metric{a=~"("}"#, "`(` is no regular expression: missing )"),
            ("{}", "found a selector that everything fits"),
            (#"{a=~".*"}"#, "found a selector that everything fits"),
            ("metric[5m]", "answer for one instant only"),
            ("metric[5m] + 1", "expected a function around them"),
            ("metric[0s]", "found an empty window; expected a positive one"),
            ("metric[5]", "expected a duration, such as 5m"),
            ("metric[5parsecs]", "expected a duration with the units ms, s, m, h, d, w, y"),
            ("metric[999999999y]", "expected less than 292 years"),
            ("rate(metric)", "write `[5m]` behind the selector"),
            ("rate(1)", "rate takes samples of a window"),
            ("avg_over_time((metric + 1)[5m:1m])", "takes samples of a window"),
            ("max_over_time(metric[5m:1m])", "`[window:step]` is not offered"),
            ("sum(1)", "sum takes a vector"),
            ("metric @ 5", "`@` is not offered; there are offset"),
            ("a and b", "`and` is not offered; there are ^, *, /"),
            ("a + on (x) group_left b", "`group_left` is not offered"),
            ("1 + bool 2", "found `bool` behind `+`; expected it behind a comparison"),
            ("1 == 2", "comparing two numbers needs `== bool`"),
            ("'text'", "a text alone is no query"),
            ("1e", "found `1e`; expected a number or a duration"),
            ("1 ; 2", "found `;`; expected an expression"),
        ]
    )
    func refused(text: String, words: String) throws {
        let error = try #require(throws: PromQLError.self) {
            try PromQLQuery(text).answer(
                at: Steps(
                    from: Timestamp(seconds: 0),
                    to: Timestamp(seconds: 60),
                    step: .seconds(60)
                ),
                from: MemorySource()
            )
        }
        #expect("\(error)".contains(words), "\(error)")
    }

    @Test("an unknown function is refused with those that exist")
    func unknownFunction() throws {
        let error = try #require(throws: PromQLError.self) {
            try PromQLQuery("1 + holt_winters(metric[5m])")
        }
        let text = "\(error)"
        #expect(text.hasPrefix("at byte 4: `holt_winters` is not offered; there are"))
        for name in [
            "avg_over_time", "min_over_time", "max_over_time", "sum_over_time", "count_over_time",
            "last_over_time", "rate", "delta", "changes", "sum", "avg", "min", "max", "count",
        ] {
            #expect(text.contains(name))
        }
    }

    @Test("what is too long or nests too deep is refused before it takes memory or stack")
    func limits() throws {
        let long = String(repeating: " ", count: PromQLLimits.expressionBytes) + "1"
        #expect(throws: PromQLError.self) { try PromQLQuery(long) }
        for opening in ["(", "-(", "sum("] {
            let deep = String(repeating: opening, count: PromQLLimits.depth + 1)
            let error = try #require(throws: PromQLError.self) { try PromQLQuery(deep) }
            #expect("\(error)".contains("levels of parentheses and calls"))
        }
        #expect(throws: PromQLError.self) {
            try PromQLQuery(String(repeating: "-", count: 10_000) + "1")
        }
        #expect(throws: PromQLError.self) {
            try Steps(
                from: Timestamp(seconds: 0),
                to: Timestamp(seconds: 86_400),
                step: .seconds(1)
            )
        }
        #expect(throws: PromQLError.self) {
            try Steps(from: Timestamp(seconds: 1), to: Timestamp(seconds: 0), step: .seconds(1))
        }
        #expect(throws: PromQLError.self) {
            try Steps(from: Timestamp(seconds: 0), to: Timestamp(seconds: 1), step: .zero)
        }
    }

    // Goal: a regular expression that makes other engines try for hours.
    @Test("a hostile regular expression takes time linear in the text")
    func hostilePattern() throws {
        let matcher = try LabelMatcher("field", .matches, "(a*)*(a*)*(a*)*b")
        #expect(!matcher.matches(String(repeating: "a", count: 10_000)))
        #expect(throws: PromQLError.self) {
            try LabelMatcher("field", .matches, "((a{100}){100}){100}")
        }
    }

    @Test("a matcher compares the whole value, and a label that is not there is empty")
    func matchers() throws {
        #expect(try LabelMatcher("a", .matches, "x|y.").matches("yz"))
        #expect(try !LabelMatcher("a", .matches, "x|y.").matches("xyz"))
        #expect(try LabelMatcher("a", .matchesNot, "x.*").matches("yx"))
        #expect(try LabelMatcher("a", .unequal, "x").matches(""))
        #expect(try PromQLQuery.matchers(#"{__name__=~"load_.+",host!="a"}"#).count == 2)
        #expect(throws: PromQLError.self) { try PromQLQuery.matchers("1 + 1") }
    }
}
