import Foundation
import Telemetry
import Testing

@testable import CerroCommand

/// What people see.
@Suite("output")
struct OutputTests {
    @Test("columns line up, numbers at their right, and no line ends with blanks")
    func table() {
        var table = TextTable([("agent", .left), ("samples", .right), ("note", .left)])
        table.append(["LSA22YE", "17", "fine"])
        table.append(["e\u{301}", "17,280", ""])
        #expect(
            table.lines == ["agent    samples  note", "LSA22YE       17  fine", "é         17,280"]
        )
    }

    @Test("a text from afar cannot give orders to a terminal")
    func escapes() {
        #expect(TextTable.onOneLine("a\u{1B}[2J\nb\u{7F}") == "a [2J b ")
    }

    @Test(
        "a duration has its largest unit and at most three digits",
        arguments: [
            (Duration.zero, "0 s"), (.microseconds(250), "250 µs"), (.microseconds(1500), "1.5 ms"),
            (.milliseconds(4567), "4.57 s"), (.seconds(59), "59 s"), (.seconds(61), "1 min 1 s"),
            (.seconds(7200), "2 h"), (.seconds(7260), "2 h 1 min"), (.seconds(187_200), "2 d 4 h"),
        ]
    )
    func durations(duration: Duration, text: String) {
        #expect(HumanText.duration(duration) == text)
    }

    @Test(
        "an instant is told from now",
        arguments: [(100, "now"), (97, "3 s ago"), (103, "in 3 s"), (-260, "6 min ago")]
    )
    func ages(seconds: Int64, text: String) {
        let age = HumanText.age(of: Timestamp(seconds: seconds), at: Timestamp(seconds: 100))
        #expect(age == text)
    }

    @Test("sizes and counts are readable")
    func sizes() {
        #expect(HumanText.byteCount(512) == "512 B")
        #expect(HumanText.byteCount(1536) == "1.5 KiB")
        #expect(HumanText.byteCount(5 << 30) == "5 GiB")
        #expect(HumanText.count(17_280_000) == "17,280,000")
        #expect(HumanText.many(1, "file", "files") == "1 file")
        #expect(HumanText.many(0, "file", "files") == "0 files")
        #expect(HumanText.count(-999) == "-999")
        #expect(HumanText.count(-1000) == "-1,000")
    }

    @Test("colours are left out where they make no sense")
    func colours() {
        let transcript = Transcript()
        #expect(Console.kept(in: transcript).coloured("down", .red) == "down")
        let coloured = Console.kept(in: transcript, usesColour: true)
        #expect(coloured.coloured("down", .red) == "\u{1B}[31mdown\u{1B}[0m")
        #expect(coloured.coloured("", .red).isEmpty)
    }

    @Test("nobody reads any more: no word, and the code of those whom SIGPIPE ends")
    func unread() {
        #expect(OutputFile.failure(EPIPE, "-") == CommandFailure(.unread, ""))
        #expect(ExitStatus.unread.rawValue == 128 + SIGPIPE)
        let full = OutputFile.failure(ENOSPC, "-")
        #expect(full.status == .failed && full.message.hasPrefix("standard output cannot be"))
        #expect(
            OutputFile.failure(EPIPE, "a.csv").message == "a.csv cannot be written: Broken pipe"
        )
    }

    // Goal: whoever may not read a folder is not told that there is none.
    @Test("a refusal says what may not be read, by whom, because of what, and what to do")
    func refusal() {
        func words(_ owners: [String: String]) -> String {
            Refusal(of: "/data/cerro", to: "eva") { owners[$0] }.description
        }
        #expect(
            words(["/": "root", "/data": "root", "/data/cerro": "cerro"])
                == "/data/cerro may not be read by user eva: it belongs to cerro. Run this as "
                + "cerro, or give user eva access to it"
        )
        #expect(words(["/": "root", "/data": "cerro"]).contains(": /data belongs to cerro. Run"))
        #expect(words([:]).hasSuffix("Look at the permissions of /"))
        #expect(words(["/data/cerro": "eva"]).hasSuffix("Look at the permissions of it"))
    }
}
