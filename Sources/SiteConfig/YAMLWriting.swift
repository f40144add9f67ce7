internal import Telemetry

extension Setting {
    /// The node as YAML on one line, which reads back as the same node.
    var flow: String {
        switch shape {
        case .null: "null"
        case .scalar(let text, let quoted): Self.scalar(text, quoted: quoted)
        case .list(let elements): "[\(elements.map(\.flow).joined(separator: ", "))]"
        case .map(let entries):
            "{"
                + entries.map { "\(Self.scalar($0.key, quoted: false)): \($0.value.flow)" }
                .joined(separator: ", ") + "}"
        }
    }

    /// A scalar as YAML, in quotes where it needs them; `$` is doubled, as the loader expands.
    static func scalar(_ text: String, quoted: Bool) -> String {
        let isSafe = text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x2E, 0x2F, 0x5F: true
            default: false
            }
        }
        let words = ["", "~", "-", "null", "Null", "NULL", "---", "..."]
        if isSafe, !quoted, !words.contains(text), !text.hasPrefix("--") { return text }
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "$": result += "$$"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || (0x7F...0xA0).contains(scalar.value):
                let digits = String(scalar.value, radix: 16)
                result += "\\x" + String(repeating: "0", count: 2 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
