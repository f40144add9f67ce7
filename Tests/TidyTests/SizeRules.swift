/// How long files, functions and lines may be: what a reader can hold in the head at 4 a.m.
enum SizeRules {
    static let mostLines = 400
    static let mostFunctionLines = 60
    static let mostColumns = 100

    /// The findings about the lengths of one file.
    static func check(_ file: SourceFile) -> [Finding] {
        var findings: [Finding] = []
        if file.lineCount > mostLines {
            findings.append(
                Finding(
                    file: file.path,
                    line: mostLines + 1,
                    message: "the file has \(file.lineCount) lines, at most \(mostLines) can be "
                        + "read in one go: give its second idea a file of its own"
                )
            )
        }
        for line in 1...max(file.lineCount, 1) {
            let text = String(decoding: file.bytes(ofLine: line, in: file.text), as: UTF8.self)
            guard text.utf8.count > mostColumns, text.count > mostColumns else { continue }
            findings.append(
                Finding(
                    file: file.path,
                    line: line,
                    message: "the line has \(text.count) columns, two files side by side have "
                        + "\(mostColumns): break it"
                )
            )
        }
        return findings
            + functions(of: file).compactMap { name, first, last in
                guard last - first + 1 > mostFunctionLines else { return nil }
                return Finding(
                    file: file.path,
                    line: first,
                    message: "`\(name)` has \(last - first + 1) lines, a screen has "
                        + "\(mostFunctionLines): move a step with a name of its own out of it"
                )
            }
    }

    /// The functions and initialisers with a body: name, first and last line.
    static func functions(of file: SourceFile) -> [(name: String, first: Int, last: Int)] {
        let starts =
            file.places(of: "func", in: file.code)
            + file.places(of: "init", in: file.code).filter { isDeclaredInit($0, file) }
        return starts.sorted().compactMap { start in
            guard let body = bodyStart(of: start, in: file.code) else { return nil }
            let words = String(decoding: file.code[start..<body], as: UTF8.self)
            let name = words.prefix { $0 != "(" && $0 != "<" && $0 != "\n" }
            let end = closingBrace(of: body, in: file.code)
            return (
                name.trimmingPrefix("func ").description, file.line(at: start), file.line(at: end)
            )
        }
    }

    private static func isDeclaredInit(_ offset: Int, _ file: SourceFile) -> Bool {
        let before = file.lastByte(before: offset)
        return before == 0 || SourceFile.isWord(before) || before == 0x29
    }

    /// The brace that opens the body of the declaration at `start`; nil if it has none.
    private static func bodyStart(of start: Int, in code: [UInt8]) -> Int? {
        var depth = 0
        var index = start
        while index < code.count {
            switch code[index] {
            case 0x28, 0x5B: depth += 1
            case 0x29, 0x5D: depth -= 1
            case 0x7B where depth == 0: return index
            case 0x7D where depth == 0: return nil
            case 0x0A where depth == 0 && startsDeclaration(after: index, in: code): return nil
            default: break
            }
            if depth < 0 { return nil }
            index += 1
        }
        return nil
    }

    private static func startsDeclaration(after newline: Int, in code: [UInt8]) -> Bool {
        let line = code[(newline + 1)...].prefix(80).prefix { $0 != 0x0A }
        let text = String(decoding: line.drop { $0 == 0x20 }, as: UTF8.self)
        return text.isEmpty
            || [
                "func ", "init", "var ", "let ", "static ", "public ", "private ", "mutating ",
                "case ", "subscript", "associatedtype ", "@", "typealias ",
            ].contains(where: text.hasPrefix)
    }

    private static func closingBrace(of open: Int, in code: [UInt8]) -> Int {
        var depth = 0
        for index in open..<code.count {
            if code[index] == 0x7B { depth += 1 }
            guard code[index] == 0x7D else { continue }
            depth -= 1
            if depth == 0 { return index }
        }
        return code.count - 1
    }
}
