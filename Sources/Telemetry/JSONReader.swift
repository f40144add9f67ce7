extension Value {
    /// Reads JSON text, all of it or nothing.
    ///
    /// A number without fraction and exponent that an Int64 holds becomes `int`, any other number
    /// `double`. Of a name that stands twice in a map the last value holds. Lists and maps may be
    /// nested ``JSONError/deepest`` deep.
    public init(json text: String) throws(JSONError) {
        var reader = JSONReader(text)
        self = try reader.read()
    }
}

/// Why a text is no JSON: where, and what was expected.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The byte of the text, from 0, at which reading stopped.
    public let byte: Int
    /// What would have been possible there.
    public let expected: String

    /// How deep lists and maps may be nested; deeper ones are refused, not read in part.
    public static let deepest = 64

    /// Where it stopped and what was expected.
    public var description: String { "no JSON at byte \(byte): expected \(expected)" }
}

/// Reads one JSON text from its bytes.
private struct JSONReader {
    private let bytes: [UInt8]
    private var index = 0

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    mutating func read() throws(JSONError) -> Value {
        let value = try value(depth: 0)
        skipBlanks()
        guard index == bytes.count else { throw error("the end of the text") }
        return value
    }

    private mutating func value(depth: Int) throws(JSONError) -> Value {
        skipBlanks()
        guard depth <= JSONError.deepest else {
            throw error("at most \(JSONError.deepest) nested lists and maps")
        }
        switch peek {
        case UInt8(ascii: "{"): return try map(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func map(depth: Int) throws(JSONError) -> Value {
        var members: [String: Value] = [:]
        index += 1
        skipBlanks()
        if take("}") { return .map(members) }
        repeat {
            skipBlanks()
            let name = try string()
            skipBlanks()
            guard take(":") else { throw error("`:` after a name") }
            members[name] = try value(depth: depth + 1)
            skipBlanks()
        } while take(",")
        guard take("}") else { throw error("`,` or `}`") }
        return .map(members)
    }

    private mutating func array(depth: Int) throws(JSONError) -> Value {
        var elements: [Value] = []
        index += 1
        skipBlanks()
        if take("]") { return .array(elements) }
        repeat {
            elements.append(try value(depth: depth + 1))
            skipBlanks()
        } while take(",")
        guard take("]") else { throw error("`,` or `]`") }
        return .array(elements)
    }

    private mutating func string() throws(JSONError) -> String {
        guard take("\"") else { throw error("a text in double quotes") }
        var text: [UInt8] = []
        while let byte = peek, byte != UInt8(ascii: "\"") {
            guard byte >= 0x20 else { throw error("no control character in a text") }
            index += 1
            if byte == UInt8(ascii: "\\") {
                text += Array(String(try escaped()).utf8)
            } else {
                text.append(byte)
            }
        }
        guard take("\"") else { throw error("the closing quote") }
        return String(decoding: text, as: UTF8.self)
    }

    private mutating func escaped() throws(JSONError) -> Unicode.Scalar {
        let simple: [UInt8: Unicode.Scalar] = [
            0x22: "\"", 0x5C: "\\", 0x2F: "/", 0x62: "\u{8}", 0x66: "\u{C}", 0x6E: "\n",
            0x72: "\r", 0x74: "\t",
        ]
        guard let byte = peek else { throw error("an escape") }
        index += 1
        if let scalar = simple[byte] { return scalar }
        guard byte == UInt8(ascii: "u") else { throw error("an escape such as \\n or \\u00e9") }
        let first = try codeUnit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, take("\\"), take("u"), case let second = try codeUnit(),
            (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw error("the second half of a surrogate pair") }
        return scalar
    }

    private mutating func codeUnit() throws(JSONError) -> UInt32 {
        let digits = bytes[index...].prefix(4)
        let text = String(decoding: digits, as: UTF8.self)
        guard digits.count == 4, text.allSatisfy(\.isHexDigit), let unit = UInt32(text, radix: 16)
        else { throw error("four hexadecimal digits") }
        index += 4
        return unit
    }

    private mutating func number() throws(JSONError) -> Value {
        let start = index
        _ = take("-")
        let isZero = peek == UInt8(ascii: "0")
        guard takeDigits() > 0, !(isZero && bytes[start..<index].drop { $0 == 0x2D }.count > 1)
        else {
            index = start
            throw error("a value")
        }
        var isWhole = true
        if take(".") {
            isWhole = false
            guard takeDigits() > 0 else { throw error("a digit after the point") }
        }
        if take("e") || take("E") {
            isWhole = false
            if !take("+") { _ = take("-") }
            guard takeDigits() > 0 else { throw error("a digit in the exponent") }
        }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        if isWhole, let value = Int64(text) { return .int(value) }
        guard let value = Double(text), value.isFinite else {
            throw error("a number that a double holds")
        }
        return .double(value)
    }

    private mutating func word(_ word: String, _ value: Value) throws(JSONError) -> Value {
        guard bytes[index...].starts(with: word.utf8) else { throw error("`\(word)`") }
        index += word.utf8.count
        return value
    }

    private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard let byte = peek, UInt32(byte) == character.value else { return false }
        index += 1
        return true
    }

    private mutating func takeDigits() -> Int {
        let start = index
        while let byte = peek, (0x30...0x39).contains(byte) { index += 1 }
        return index - start
    }

    private mutating func skipBlanks() {
        while let byte = peek, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { index += 1 }
    }

    private func error(_ expected: String) -> JSONError {
        JSONError(byte: index, expected: expected)
    }
}
