import Telemetry
import Testing

@testable import CerroCommand

@Suite("The board of `cerro watch` shows the newest of each field")
struct WatchBoardTests {
    private static let feed = Feed(
        "temps",
        fields: [Field("stage", unit: .kelvin), Field("still", unit: .kelvin)]
    )

    private static func block(_ second: Int64, _ stage: Double, _ still: Double?) -> Block {
        Block(
            timestamps: [Timestamp(seconds: second)],
            columns: [.doubles([stage]), .doubles([still])]
        )
    }

    private static func board(_ pattern: String) -> WatchBoard {
        var board = WatchBoard(title: "hill", filter: LiveFilter(pattern))
        board.note("cryo", feed, [block(10, 4.25, 1), block(11, 4.5, 0.875)])
        board.note("cryo", feed, [block(30, 4, nil)])
        return board
    }

    @Test("a field has its value, unit, age and trend; a missing value is none")
    func lines() {
        let lines = Self.board("cryo").lines(
            now: Timestamp(seconds: 31),
            width: 200,
            height: 24
        )
        #expect(
            lines.map(\.text) == [
                "hill  1970-01-01T00:00:31Z", "",
                "field             value  unit    age  trend",
                "cryo.temps.stage      4  K     1.0 s  ▄█▁",
                "cryo.temps.still  0.875  K      20 s  █▁",
            ]
        )
        #expect(lines.map(\.isOld) == [false, false, false, false, true])
    }

    @Test("a line has the samples that there are, and a row without any is none")
    func linesOfSamples() {
        let blocks = [Self.block(10, 4.25, 1), Self.block(11, 4.5, nil)]
        let all = LiveText(filter: LiveFilter("cryo"), isJSON: false)
        #expect(
            all.lines("cryo", Self.feed, blocks) == [
                "1970-01-01T00:00:10Z cryo.temps stage=4.25 K  still=1.0 K",
                "1970-01-01T00:00:11Z cryo.temps stage=4.5 K",
            ]
        )
        let still = LiveText(filter: LiveFilter("cryo.temps.still"), isJSON: true)
        #expect(still.lines("cryo", Self.feed, blocks).count == 1)
    }

    @Test("what does not fit the pattern, or the terminal, is not shown; the latter is said")
    func fits() {
        let one = Self.board("cryo.temps.still").lines(
            now: Timestamp(seconds: 31),
            width: 16,
            height: 24
        )
        #expect(one.map(\.text).last == "cryo.temps.still")
        let low = Self.board("*").lines(now: Timestamp(seconds: 31), width: 80, height: 5)
        #expect(low.count == 5)
        #expect(low.last?.text == "and 1 more: give a pattern")
        let none = WatchBoard(title: "hill", filter: LiveFilter("x"))
            .lines(now: Timestamp(seconds: 0), width: 80, height: 24)
        #expect(none.last?.text == "nothing was published yet")
    }

    // Goal: whoever watches a mistyped name is told, and does not wait for ever.
    @Test(
        "a pattern that nothing fits is told with what is like it",
        arguments: [
            ("cryo", nil), ("cryo.temps", nil), ("cryo.temps.stage", nil), ("*", nil),
            ("cryo.*.stage", nil), ("*stage", nil), ("mute.x.y", nil),
            ("cyro.temps", "no instance of the site fits `cyro.temps`; did you mean cryo?"),
            ("nope", "no instance of the site fits `nope`; `cerro status`"),
            ("nope*", "no instance of the site fits `nope*`"),
            ("cryo.tempz", "cryo publishes no `cryo.tempz`; did you mean cryo.temps?"),
            ("cryo.temps.x", "cryo publishes no `cryo.temps.x`; `cerro describe cryo`"),
        ] as [(String, String?)]
    )
    func hint(pattern: String, expected: String?) async {
        let hint = await WatchHint.sentence(pattern, ["cryo", "mute"]) { instance in
            instance == "cryo" ? [Self.feed] : nil
        }
        if let expected {
            #expect(hint?.hasPrefix(expected) == true, "\(hint ?? "nothing")")
            #expect(hint?.hasSuffix("what comes later is shown, until Ctrl-C") == true)
        } else {
            #expect(hint == nil)
        }
    }

    @Test("a board with nothing on it shows the hint, where there is one")
    func empty() {
        let board = WatchBoard(title: "hill", filter: LiveFilter("x"), hint: "no x\nwait")
        let lines = board.lines(now: Timestamp(seconds: 31), width: 80, height: 24)
        #expect(lines.dropFirst(2).map(\.text) == ["no x", "wait"])
    }
}
