internal import Foundation
internal import Telemetry

/// A place in the log of an instance, which goes on from file to file: a file that is put aside
/// keeps its number.
struct LogPlace: Hashable, Sendable {
    /// The number of the file.
    var file: UInt64
    /// Bytes before the place.
    var offset: UInt64

    /// A place.
    init(file: UInt64, offset: UInt64) {
        (self.file, self.offset) = (file, offset)
    }

    /// Reads a place from a request; nil if it is none.
    init?(_ value: Value) {
        guard let file = value["file"]?.int.flatMap(UInt64.init(exactly:)),
            let offset = value["offset"]?.int.flatMap(UInt64.init(exactly:))
        else { return nil }
        self.init(file: file, offset: offset)
    }

    /// The place as a map.
    var value: Value {
        ["file": .int(Int64(clamping: file)), "offset": .int(Int64(clamping: offset))]
    }
}

/// Some lines of a log, and where the next ones begin.
struct LogPiece: Hashable, Sendable {
    /// Whole lines, without what a terminal would obey.
    var lines: [String]
    /// The place behind them.
    var place: LogPlace

    /// Lines and a place.
    init(lines: [String], place: LogPlace) {
        (self.lines, self.place) = (lines, place)
    }

    /// Reads a piece from a reply; nil if it is none.
    init?(_ value: Value) {
        guard let lines = value["lines"]?.array?.compactMap(\.string),
            let place = value["place"].flatMap(LogPlace.init)
        else { return nil }
        self.init(lines: lines.map(TextTable.onOneLine), place: place)
    }

    /// The piece as a map.
    var value: Value { ["lines": .array(lines.map(Value.string)), "place": place.value] }
}

extension LogFile {
    /// The last lines, from files that were put aside too where the newest has too few.
    ///
    /// - Parameters:
    ///   - count: how many lines at most.
    ///   - mostBytes: of how many bytes at most.
    /// - Returns: the lines, and where the next one begins.
    /// - Throws: `CommandFailure` where there is no file.
    func last(_ count: Int, mostBytes: Int) throws(CommandFailure) -> LogPiece {
        let newest = try Part(path)
        var room = mostBytes
        let (text, place) = newest.end(room, isWhole: false)
        room -= text.count
        var lines = text.split(separator: 0x0A)
        for path in earlier().reversed() where lines.count < count && room > 0 {
            guard let part = try? Part(path) else { continue }
            let (text, _) = part.end(room, isWhole: true)
            room -= text.count
            lines = text.split(separator: 0x0A) + lines
        }
        return LogPiece(lines: lines.suffix(count).map(Self.line), place: place)
    }

    /// The whole lines behind a place; from the beginning of the newest file where that of the
    /// place is gone.
    func next(after place: LogPlace, mostBytes: Int) throws(CommandFailure) -> LogPiece {
        // In this order: a file that is put aside meanwhile is seen twice and not missed.
        let newest = try Part(path)
        var parts = earlier().compactMap { try? Part($0) }.filter { $0.number != newest.number }
        parts.append(newest)
        let first = parts.firstIndex { $0.number == place.file }
        var piece = LogPiece(
            lines: [],
            place: first == nil ? LogPlace(file: newest.number, offset: 0) : place
        )
        var room = mostBytes
        for index in (first ?? parts.count - 1)..<parts.count where room > 0 {
            let offset = parts[index].number == piece.place.file ? piece.place.offset : 0
            let isNewest = index == parts.count - 1
            let (text, end) = parts[index].lines(from: offset, mostBytes: room, isWhole: !isNewest)
            room -= text.count
            piece.lines += text.split(separator: 0x0A).map(Self.line)
            piece.place = LogPlace(file: parts[index].number, offset: end)
            if end < parts[index].size { break }
        }
        return piece
    }

    /// That this user may not read the file; nil where that is not so.
    var refusal: Refusal? {
        access(path, R_OK) != 0 && errno == EACCES ? Refusal(of: path) : nil
    }

    private static func line(_ bytes: Data.SubSequence) -> String {
        TextTable.onOneLine(String(decoding: bytes, as: UTF8.self))
    }

    /// One file of the log, open.
    private struct Part {
        let number: UInt64, size: UInt64
        private let handle: FileHandle

        init(_ path: String) throws(CommandFailure) {
            guard let handle = FileHandle(forReadingAtPath: path) else {
                let refusal = LogFile(path: path).refusal
                throw CommandFailure(
                    .failed,
                    refusal.map { "\($0)" } ?? "there is no log \(path)"
                )
            }
            var status = stat()
            fstat(handle.fileDescriptor, &status)
            self.handle = handle
            number = UInt64(status.st_ino)
            size = UInt64(clamping: status.st_size)
        }

        /// Whole lines at the end, and the place behind them; of a file that grows no more the rest
        /// is whole.
        func end(_ mostBytes: Int, isWhole: Bool) -> (text: Data, place: LogPlace) {
            let start = size - min(size, UInt64(mostBytes))
            var text = read(start, mostBytes)
            let last = text.lastIndex(of: 0x0A).map { $0 + 1 } ?? text.startIndex
            let end = isWhole ? text.endIndex : last
            let offset = start + UInt64(end - text.startIndex)
            text = text[..<end]
            // Where the text begins within a line, that line is not whole.
            if start > 0, let first = text.firstIndex(of: 0x0A) { text = text[(first + 1)...] }
            return (text, LogPlace(file: number, offset: offset))
        }

        /// Whole lines from `offset` on, and where they end; of a file that grows no more the rest
        /// is whole, and so is a line that is longer than fits.
        func lines(
            from offset: UInt64,
            mostBytes: Int,
            isWhole: Bool
        ) -> (text: Data, end: UInt64) {
            guard offset < size else { return (Data(), offset) }
            var text = read(offset, mostBytes)
            let isAtEnd = offset + UInt64(text.count) >= size
            if !(isWhole && isAtEnd), let last = text.lastIndex(of: 0x0A) {
                text = text[...last]
            } else if !isWhole, isAtEnd {
                text = Data()
            }
            return (text, offset + UInt64(text.count))
        }

        private func read(_ offset: UInt64, _ count: Int) -> Data {
            guard (try? handle.seek(toOffset: offset)) != nil else { return Data() }
            return (try? handle.read(upToCount: count)) ?? Data()
        }
    }
}
