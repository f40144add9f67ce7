/// The text of a file before YAML sees it: its limits, its lines, and keys written twice.
struct SourceText {
    /// A reason to refuse the file, with its place.
    typealias Refusal = (line: Int, column: Int, message: String)

    private var scalars: [Unicode.Scalar]
    /// Where each line begins in `scalars`.
    private let lineStarts: [Int]
    private var renamed: UInt32 = 0
    private let byteCount: Int

    /// Keys written twice get one of these private characters in front, columns stay as they are.
    private static let firstMark: UInt32 = 0xE000

    init(_ text: String) {
        byteCount = text.utf8.count
        // Some editors put a byte order mark in front; it is no part of the text.
        let start = text.unicodeScalars.first == "\u{FEFF}" ? 1 : 0
        scalars = byteCount <= Limits.fileBytes ? Array(text.unicodeScalars.dropFirst(start)) : []
        var starts = [0]
        for (index, scalar) in scalars.enumerated() where Self.isBreak(scalar) {
            // A carriage return and line feed are one line break.
            if scalar == "\r", index + 1 < scalars.count, scalars[index + 1] == "\n" { continue }
            starts.append(index + 1)
        }
        lineStarts = starts
    }

    /// The text, with keys renamed so far.
    var text: String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    /// Whether a key was renamed because it is there twice.
    static func isRenamed(_ key: String) -> Bool {
        guard let first = key.unicodeScalars.first else { return false }
        return (firstMark..<firstMark + UInt32(Limits.duplicateKeys)).contains(first.value)
    }

    /// The line `number`, from 1, without its line break.
    func line(_ number: Int) -> String {
        guard number >= 1, number <= lineStarts.count else { return "" }
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars[lineStarts[number - 1]...].prefix { !Self.isBreak($0) })
        return String(view)
    }

    /// Why the file is refused before it is parsed, nil if it is not.
    var refusal: Refusal? {
        if byteCount > Limits.fileBytes {
            return (
                1, 1,
                "the file has \(Quantity.text(byteCount: byteCount)); a site file has at most "
                    + Quantity.text(byteCount: Limits.fileBytes)
            )
        }
        if let index = scalars.firstIndex(where: { !Self.isAllowed($0) }) {
            let code = String(scalars[index].value, radix: 16, uppercase: true)
            let (line, column) = place(index)
            return (line, column, "the character U+\(code) may not stand in a YAML file")
        }
        guard let alias = firstAlias, let key = firstStructuredKey else { return nil }
        // The library compares keys when it parses. Keys made of nested aliases would take it
        // time that grows exponentially with their number.
        let (line, column) = place(key)
        return (
            line, column,
            "a key has to be a text, not a list, a map or an alias (there is one at line "
                + "\(place(alias).line))"
        )
    }

    private static func isBreak(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0A, 0x0D, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }

    /// Source: YAML 1.1, section 5.1, the printable characters.
    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D, 0x20...0x7E, 0x85, 0xA0...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD,
            0x10000...0x10FFFF:
            true
        default: false
        }
    }

    private func place(_ index: Int) -> (line: Int, column: Int) {
        let line = lineStarts.lastIndex { $0 <= index } ?? 0
        return (line + 1, index - lineStarts[line] + 1)
    }

    private func isSpace(_ index: Int) -> Bool {
        !scalars.indices.contains(index) || scalars[index] == " " || scalars[index] == "\t"
            || Self.isBreak(scalars[index])
    }
}

extension SourceText {
    /// Where something like `*name` stands, comments and quotes not considered.
    private var firstAlias: Int? {
        scalars.indices.first { index in
            scalars[index] == "*" && !isSpace(index + 1)
                && (isSpace(index - 1) || "[{,:-?".unicodeScalars.contains(scalars[index - 1]))
        }
    }

    /// Where something like `? key`, `[…]:`, `{…}:` or `*name :` stands.
    private var firstStructuredKey: Int? {
        scalars.indices.first { index in
            switch scalars[index] {
            case "?": isSpace(index + 1)
            case "]", "}": colonFollows(index + 1)
            case "*": colonFollows(scalars[index...].firstIndex { isEndOfName($0) } ?? index)
            default: false
            }
        }
    }

    private func isEndOfName(_ scalar: Unicode.Scalar) -> Bool {
        !(scalar.properties.isAlphabetic || scalar.properties.numericType != nil
            || scalar == "_" || scalar == "-" || scalar == "*")
    }

    /// Whether a colon is next, spaces, line breaks and comments passed over.
    private func colonFollows(_ start: Int) -> Bool {
        var index = start
        while index < scalars.count {
            if scalars[index] == "#" {
                while index < scalars.count, !Self.isBreak(scalars[index]) { index += 1 }
            } else if isSpace(index) {
                index += 1
            } else {
                return scalars[index] == ":"
            }
        }
        return false
    }

    /// Renames the repetition of the key that stands at `line`, `column`, and returns its place.
    mutating func renameRepetition(
        of key: String,
        line: Int,
        column: Int
    ) -> (line: Int, column: Int)? {
        guard line >= 1, line <= lineStarts.count, !key.isEmpty else { return nil }
        let first = lineStarts[line - 1] + column - 1
        guard
            let found = inBlock(key, after: line, column: column) ?? inFlow(key, after: first),
            let mark = Unicode.Scalar(Self.firstMark + renamed)
        else { return nil }
        renamed += 1
        let isQuoted = scalars[found] == "\"" || scalars[found] == "'"
        scalars[isQuoted ? found + 1 : found] = mark
        return place(found)
    }

    /// The key in the same column of a later line, before a line that is indented less.
    private func inBlock(_ key: String, after line: Int, column: Int) -> Int? {
        for start in lineStarts.dropFirst(line) {
            let indent = scalars[start...].prefix { $0 == " " }.count
            let index = start + indent
            if isSpace(index) || scalars[index] == "#" || indent >= column { continue }
            if indent < column - 1 { return nil }
            if isKey(key, at: index) { return index }
        }
        return nil
    }

    /// The key after `first` in the same pair of braces.
    private func inFlow(_ key: String, after first: Int) -> Int? {
        var depth = 0
        var index = first + 1
        while index < scalars.count {
            let scalar = scalars[index]
            let isStart = isSpace(index - 1) || scalars[index - 1] == ","
            if depth == 0, isStart, isKey(key, at: index) { return index }
            switch scalar {
            case "{", "[": depth += 1
            case "}", "]": depth -= 1
            case "\"" where isStart, "'" where isStart:
                index = scalars[(index + 1)...].firstIndex(of: scalar) ?? scalars.count
            default: break
            }
            if depth < 0 { return nil }
            index += 1
        }
        return nil
    }

    private func isKey(_ key: String, at index: Int) -> Bool {
        for spelled in [key, "\"\(key)\"", "'\(key)'"] {
            let letters = Array(spelled.unicodeScalars)
            if scalars[index...].starts(with: letters), colonFollows(index + letters.count) {
                return true
            }
        }
        return false
    }
}
