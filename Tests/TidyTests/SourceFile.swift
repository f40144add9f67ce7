import Glibc

/// A Swift file with two masks as long as itself: only its code, and only its comments.
///
/// What a mask leaves out is blanks, so that a byte has one place in all three and a rule about
/// code never trips over a word in a text. Code inside of an interpolation counts as text.
struct SourceFile {
    /// The path from the root of the repository.
    let path: String
    /// The file as it is.
    let text: [UInt8]
    /// The file with comments and the insides of literals blanked.
    let code: [UInt8]
    /// The file with all but its comments blanked.
    let comments: [UInt8]
    /// The offset at which each line begins.
    let lineStarts: [Int]

    /// Splits `text` into code and comments.
    init(path: String, text: String) {
        self.path = path
        let bytes = Array(text.utf8)
        var splitter = SourceSplitter(bytes)
        splitter.run()
        code = splitter.code
        comments = splitter.comments
        self.text = bytes
        lineStarts = [0] + bytes.indices.filter { bytes[$0] == 0x0A }.map { $0 + 1 }
    }

    /// The folder under `Sources` or `Tests` that the file is in: its target; nil elsewhere.
    var target: String? {
        let parts = path.split(separator: "/")
        let isOfTarget = parts.count > 2 && ["Sources", "Tests"].contains(parts[0])
        return isOfTarget ? String(parts[1]) : nil
    }

    /// Whether the file is part of a product and not of a test.
    var isProduct: Bool { path.hasPrefix("Sources/") }

    /// The number of lines.
    var lineCount: Int { text.last == 0x0A ? lineStarts.count - 1 : lineStarts.count }

    /// The line, from 1, of a byte.
    func line(at offset: Int) -> Int {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        return low + 1
    }

    /// The bytes of line `line`, from 1, of one of the masks.
    func bytes(ofLine line: Int, in mask: [UInt8]) -> ArraySlice<UInt8> {
        guard (1...lineStarts.count).contains(line) else { return [] }
        let end = line < lineStarts.count ? lineStarts[line] - 1 : mask.count
        return mask[lineStarts[line - 1]..<end]
    }

    /// Whether the line above `line` is a comment, or `line` continues one that is.
    func isExplained(_ line: Int) -> Bool {
        !bytes(ofLine: line - 1, in: comments).allSatisfy { $0 == 0x20 }
    }

    /// The offsets of `word` in `mask` where it stands alone: not inside of a longer word.
    func places(of word: String, in mask: [UInt8]) -> [Int] {
        let needle = Array(word.utf8)
        guard let first = needle.first, let last = needle.last else { return [] }
        return Self.offsets(of: needle, in: mask).filter { offset in
            let end = offset + needle.count
            let startsInside =
                Self.isWord(first) && offset > 0 && Self.isWord(mask[offset - 1])
            let endsInside = Self.isWord(last) && end < mask.count && Self.isWord(mask[end])
            return !startsInside && !endsInside
        }
    }

    /// The byte before `offset` that is not blank, 0 at the start of the line.
    func lastByte(before offset: Int) -> UInt8 {
        var index = offset - 1
        while index >= 0, code[index] == 0x20 { index -= 1 }
        return index < 0 || code[index] == 0x0A ? 0 : code[index]
    }

    /// The word that ends before `offset` on the same line, empty if there is none.
    func lastWord(before offset: Int) -> String {
        var end = offset
        while end > 0, code[end - 1] == 0x20 { end -= 1 }
        var start = end
        while start > 0, Self.isWord(code[start - 1]) { start -= 1 }
        return String(decoding: code[start..<end], as: UTF8.self)
    }

    static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
        default: byte >= 0x80
        }
    }

    private static func offsets(of needle: [UInt8], in mask: [UInt8]) -> [Int] {
        mask.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return [] }
            var found: [Int] = []
            var start = 0
            while start < bytes.count,
                let hit = memchr(base + start, Int32(needle[0]), bytes.count - start)
            {
                start = UnsafeRawPointer(hit) - base + 1
                guard start - 1 + needle.count <= bytes.count else { break }
                if memcmp(hit, needle, needle.count) == 0 { found.append(start - 1) }
            }
            return found
        }
    }
}
