import Foundation
import Telemetry
import Testing

@testable import CerroCommand

/// The log of an instance, read piece by piece across files that were put aside.
@Suite("reading a log")
struct LogReadingTests {
    private let folder = TemporaryFolder()
    private var file: LogFile { LogFile(path: folder.path("a.log")) }

    private func write(_ text: String) throws {
        try file.open().write(contentsOf: Data(text.utf8))
    }

    private func day(_ text: String) throws -> LogFile.Day { try #require(LogFile.Day(text: text)) }

    @Test("lines are whole, and none is shown twice or left out")
    func growing() throws {
        try write("one\ntw")
        var piece = try file.last(10, mostBytes: 1_000)
        #expect(piece.lines == ["one"])
        try write("o\n")
        piece = try file.next(after: piece.place, mostBytes: 1_000)
        #expect(piece.lines == ["two"])
        let again = try file.next(after: piece.place, mostBytes: 1_000)
        #expect(again == LogPiece(lines: [], place: piece.place))
    }

    @Test("a file that is put aside is read to its end, and then its successors")
    func putAside() throws {
        try write("1\n2\n3")
        let piece = try file.last(10, mostBytes: 1_000)
        file.putAside(try day("2026-11-20"))
        try write("4\n")
        file.putAside(try day("2026-11-21"))
        try write("5\n6\n7")
        let next = try file.next(after: piece.place, mostBytes: 1_000)
        #expect(piece.lines + next.lines == ["1", "2", "3", "4", "5", "6"])
        // The last lines come from earlier files where the newest has too few.
        #expect(try file.last(4, mostBytes: 1_000).lines == ["3", "4", "5", "6"])
        #expect(try file.last(2, mostBytes: 1_000).lines == ["5", "6"])
    }

    @Test("a place in a file that is gone goes on with the newest file")
    func gone() throws {
        try write("1\n2\n")
        let next = try file.next(after: LogPlace(file: 1, offset: 7), mostBytes: 1_000)
        #expect(next.lines == ["1", "2"])
    }

    // Method: each size of a reply, down to one byte, in which no line fits.
    @Test("however few bytes fit, everything comes in its order", arguments: [1, 2, 5, 7, 100])
    func bounded(mostBytes: Int) throws {
        let lines = (1...20).map { "line \($0)" }
        try write(lines.prefix(10).map { $0 + "\n" }.joined())
        var place = try file.last(0, mostBytes: 0).place
        place.offset = 0
        file.putAside(try day("2026-11-20"))
        try write(lines.suffix(10).map { $0 + "\n" }.joined())
        var text = ""
        for _ in 0..<1_000 {
            let piece = try file.next(after: place, mostBytes: mostBytes)
            if piece.place == place { break }
            text += piece.lines.joined()
            place = piece.place
        }
        #expect(text == lines.joined())
        #expect(try file.last(100, mostBytes: 20).lines.last == "line 20")
    }

    @Test("a piece comes back from a reply as it was, without what a terminal would obey")
    func reply() {
        let place = LogPlace(file: 1 << 40, offset: 3)
        let piece = LogPiece(lines: ["a\u{1B}[2J"], place: place)
        #expect(LogPiece(piece.value) == LogPiece(lines: ["a [2J"], place: place))
        #expect(LogPiece(["lines": []]) == nil)
    }
}
