internal import Telemetry

/// Cuts an expression into tokens.
struct Lexer {
    private let bytes: [UInt8]
    private var place = 0

    private static let signs = [
        "=~", "!~", "==", "!=", "<=", ">=", "<", ">", "=", "+", "-", "*", "/", "%", "^", "(", ")",
        "{", "}", "[", "]", ",", ":", "@",
    ].map { ($0, Array($0.utf8)) }

    /// All tokens of `text`, the last of which is its end.
    static func tokens(of text: String) throws(PromQLError) -> [Token] {
        var lexer = Lexer(bytes: Array(text.utf8))
        var tokens: [Token] = []
        while true {
            let token = try lexer.next()
            tokens.append(token)
            if token.kind == .end { return tokens }
        }
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private var byte: UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func next() throws(PromQLError) -> Token {
        skipBlanks()
        let start = place
        guard let byte else { return Token(kind: .end, place: start) }
        let kind: Token.Kind
        switch byte {
        case _ where Self.isNameStart(byte): kind = name()
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."): kind = try number()
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"): kind = try text(byte)
        default: kind = try sign()
        }
        return Token(kind: kind, place: start)
    }

    private mutating func skipBlanks() {
        while let byte {
            if byte == UInt8(ascii: "#") {
                while let byte = self.byte, byte != UInt8(ascii: "\n") { place += 1 }
            } else if byte == 0x20 || (0x09...0x0D).contains(byte) {
                place += 1
            } else {
                return
            }
        }
    }

    private static func isNameStart(_ byte: UInt8) -> Bool {
        (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: ":")
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private mutating func taken(while isPart: (UInt8) -> Bool) -> String {
        let start = place
        while let byte, isPart(byte) { place += 1 }
        return String(decoding: bytes[start..<place], as: UTF8.self)
    }

    private mutating func name() -> Token.Kind {
        // A colon alone separates; within a name it belongs to that.
        if byte == UInt8(ascii: ":"),
            place + 1 == bytes.count || !Self.isNameStart(bytes[place + 1])
        {
            place += 1
            return .sign(":")
        }
        let name = taken { Self.isNameStart($0) || Self.isDigit($0) }
        switch name.lowercased() {
        case "inf": return .number(.infinity)
        case "nan": return .number(.nan)
        default: return .name(name)
        }
    }

    /// A number, or the durations `5m` and `1h30m`.
    private mutating func number() throws(PromQLError) -> Token.Kind {
        let start = place
        var digits = taken { Self.isDigit($0) }
        if let duration = try duration(digits, from: start) { return .duration(duration) }
        if byte == UInt8(ascii: ".") {
            place += 1
            digits += "." + taken { Self.isDigit($0) }
        }
        if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            place += 1
            digits += "e"
            if let byte, byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") {
                place += 1
                digits.unicodeScalars.append(Unicode.Scalar(byte))
            }
            digits += taken { Self.isDigit($0) }
        }
        if let byte, Self.isNameStart(byte) { digits += taken { Self.isNameStart($0) } }
        // Swift reads neither `.5` nor `5.`.
        let padded =
            (digits.hasPrefix(".") ? "0" : "") + digits + (digits.hasSuffix(".") ? "0" : "")
        guard let number = Double(padded) else {
            throw .syntax(at: start, found: "`\(digits)`", expected: "a number or a duration")
        }
        return .number(number)
    }

    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000), ("w", 604_800_000_000_000), ("y", 31_536_000_000_000_000),
    ]

    /// The duration that begins with `digits`; nil if no unit follows them.
    private mutating func duration(
        _ digits: String,
        from start: Int
    ) throws(PromQLError) -> Duration? {
        let isUnit = { (byte: UInt8) in (0x61...0x7A).contains(byte) && byte != UInt8(ascii: "e") }
        guard let byte, isUnit(byte) else { return nil }
        var total: Int64 = 0
        var number = digits
        while true {
            let unit = taken { (0x61...0x7A).contains($0) }
            guard let factor = Self.units.first(where: { $0.name == unit })?.nanoseconds,
                let count = Int64(number)
            else {
                throw .syntax(
                    at: start,
                    found: "`\(number)\(unit)`",
                    expected: "a duration with the units ms, s, m, h, d, w, y"
                )
            }
            let (product, overflow) = count.multipliedReportingOverflow(by: factor)
            let (sum, overflowed) = total.addingReportingOverflow(product)
            guard !overflow, !overflowed else {
                throw .syntax(
                    at: start,
                    found: "`\(number)\(unit)`",
                    expected: "less than 292 years"
                )
            }
            total = sum
            guard let byte = self.byte, Self.isDigit(byte) else { return .nanoseconds(total) }
            number = taken { Self.isDigit($0) }
        }
    }

    private mutating func text(_ quote: UInt8) throws(PromQLError) -> Token.Kind {
        let start = place
        place += 1
        var text: [UInt8] = []
        while let byte {
            place += 1
            if byte == quote { return .text(String(decoding: text, as: UTF8.self)) }
            guard byte == UInt8(ascii: "\\"), quote != UInt8(ascii: "`") else {
                text.append(byte)
                continue
            }
            guard let escaped = self.byte else { break }
            place += 1
            switch escaped {
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "'"): text.append(escaped)
            default:
                throw .syntax(
                    at: place - 2,
                    found: "`\\\(Unicode.Scalar(escaped))`",
                    expected: #"one of \n, \t, \r, \\, \" and \'"#
                )
            }
        }
        throw .syntax(at: start, found: "a text that does not end", expected: "its quote")
    }

    private mutating func sign() throws(PromQLError) -> Token.Kind {
        for (sign, form) in Self.signs where bytes[place...].starts(with: form) {
            place += form.count
            return .sign(sign)
        }
        let rest = String(decoding: bytes[place...].prefix(8), as: UTF8.self)
        throw .syntax(at: place, found: "`\(rest.prefix(1))`", expected: "an expression")
    }
}
