/// Tells the code of a Swift file from its comments and literals, byte by byte.
struct SourceSplitter {
    private let text: [UInt8]
    private var index = 0
    /// The code; blanks elsewhere.
    private(set) var code: [UInt8]
    /// The comments; blanks elsewhere.
    private(set) var comments: [UInt8]

    init(_ text: [UInt8]) {
        self.text = text
        let blank = text.map { $0 == 0x0A ? 0x0A : UInt8(0x20) }
        code = blank
        comments = blank
    }

    mutating func run() {
        while index < text.count {
            if starts(with: "//") {
                skipLineComment()
            } else if starts(with: "/*") {
                skipBlockComment()
            } else if let hashes = literalStart() {
                skipLiteral(hashes: hashes)
            } else {
                code[index] = text[index]
                index += 1
            }
        }
    }

    private mutating func skipLineComment() {
        while index < text.count, text[index] != 0x0A {
            comments[index] = text[index]
            index += 1
        }
    }

    private mutating func skipBlockComment() {
        var depth = 0
        repeat {
            let step = starts(with: "/*") || starts(with: "*/") ? 2 : 1
            if step == 2 { depth += starts(with: "/*") ? 1 : -1 }
            for _ in 0..<step where index < text.count {
                comments[index] = text[index]
                index += 1
            }
        } while depth > 0 && index < text.count
    }

    /// The number of `#` before a literal's quote, nil if none begins here.
    private func literalStart() -> Int? {
        var place = index
        while place < text.count, text[place] == 0x23 { place += 1 }
        guard place < text.count, text[place] == 0x22 else { return nil }
        return place - index
    }

    /// Skips a text literal; its quotes stay in the code, so that its place can be seen.
    private mutating func skipLiteral(hashes: Int) {
        let closingHashes = String(repeating: "#", count: hashes)
        index += hashes
        let quotes = starts(with: "\"\"\"") ? "\"\"\"" : "\""
        mark(quotes.utf8.count)
        while index < text.count {
            if starts(with: "\\" + closingHashes + "(") {
                index += 1 + hashes
                skipInterpolation()
            } else if starts(with: "\\" + closingHashes) {
                index += 2 + hashes
            } else if starts(with: quotes + closingHashes) {
                mark(quotes.utf8.count)
                index += hashes
                return
            } else if text[index] == 0x0A, quotes == "\"" {
                return
            } else {
                index += 1
            }
        }
    }

    private mutating func skipInterpolation() {
        var depth = 0
        repeat {
            if let hashes = literalStart() {
                skipLiteral(hashes: hashes)
                continue
            }
            if text[index] == 0x28 { depth += 1 }
            if text[index] == 0x29 { depth -= 1 }
            index += 1
        } while depth > 0 && index < text.count
    }

    private mutating func mark(_ count: Int) {
        for _ in 0..<count where index < text.count {
            code[index] = text[index]
            index += 1
        }
    }

    private func starts(with word: String) -> Bool {
        text[min(index, text.count)...].starts(with: word.utf8)
    }
}
