/// What instruments write: numbers and lists of them as text.
enum Text {
    /// `text` without blanks and line ends around it.
    static func trimmed(_ text: some StringProtocol) -> String {
        let isBlank = { (character: Character) in character.isWhitespace || character == "\0" }
        return String(
            text.drop(while: isBlank).reversed().drop(while: isBlank).reversed()
        )
    }

    /// A finite number such as `+293.873E+00`, nil for anything else.
    ///
    /// Only digits, signs, points and exponents count: Swift would also read `nan` and `0x1p3`.
    static func number(_ text: some StringProtocol) -> Double? {
        let digits = trimmed(text)
        guard (1...40).contains(digits.utf8.count),
            digits.utf8.allSatisfy({ byte in
                switch byte {
                case 0x30...0x39, 0x2B, 0x2D, 0x2E, 0x45, 0x65: true
                default: false
                }
            }), let value = Double(digits), value.isFinite
        else { return nil }
        return value
    }

    /// A whole number, with or without leading zeros and sign.
    static func integer(_ text: some StringProtocol) -> Int? { Int(trimmed(text)) }

    /// The members of a list that is separated by commas.
    static func list(_ text: String) -> [String] {
        text.split(separator: ",", omittingEmptySubsequences: false).map { trimmed($0) }
    }

    /// A number with exactly `places` decimals; its magnitude is below 10^12.
    static func decimal(_ value: Double, places: Int) -> String {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = Int64((abs(value) * scale).rounded())
        let (whole, fraction) = scaled.quotientAndRemainder(dividingBy: Int64(scale))
        let digits = String(fraction)
        let sign = value < 0 && scaled != 0 ? "-" : ""
        guard places > 0 else { return sign + String(whole) }
        let zeros = String(repeating: "0", count: places - digits.count)
        return sign + String(whole) + "." + zeros + digits
    }
}
