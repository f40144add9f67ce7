// Values as JSON text and back, for everything that speaks to people and browsers: one writer and
// one reader, so that the command line and HTTP cannot differ.

extension Value {
    /// The value as JSON on one line; members of maps stand in the order of their names.
    ///
    /// JSON has neither NaN nor infinities: they become `null`. Bytes become a text of lowercase
    /// hexadecimal digits. Integers keep all their digits.
    public var json: String {
        var text = ""
        writeJSON(to: &text, indent: nil)
        return text
    }

    /// The value as JSON over several lines, indented by two blanks a level, for people.
    public var indentedJSON: String {
        var text = ""
        writeJSON(to: &text, indent: 0)
        return text
    }

    private func writeJSON(to text: inout String, indent: Int?) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .int(let value): text += String(value)
        case .double(let value): text += value.isFinite ? value.description : "null"
        case .string(let value): Self.writeJSON(value, to: &text)
        case .bytes(let bytes): Self.writeJSON(Self.hexadecimal(bytes), to: &text)
        case .array(let elements):
            Self.writeJSON(elements, between: ("[", "]"), to: &text, indent: indent) {
                $1.writeJSON(to: &$0, indent: $2)
            }
        case .map(let members):
            let sorted = members.sorted { $0.key < $1.key }
            Self.writeJSON(sorted, between: ("{", "}"), to: &text, indent: indent) {
                Self.writeJSON($1.key, to: &$0)
                $0 += $2 == nil ? ":" : ": "
                $1.value.writeJSON(to: &$0, indent: $2)
            }
        }
    }

    private static func writeJSON<Element>(
        _ elements: [Element],
        between brackets: (String, String),
        to text: inout String,
        indent: Int?,
        write: (inout String, Element, Int?) -> Void
    ) {
        text += brackets.0
        let inner = indent.map { $0 + 1 }
        for (index, element) in elements.enumerated() {
            if index > 0 { text += "," }
            if let inner { text += "\n" + String(repeating: "  ", count: inner) }
            write(&text, element, inner)
        }
        if let indent, !elements.isEmpty {
            text += "\n" + String(repeating: "  ", count: indent)
        }
        text += brackets.1
    }

    private static func writeJSON(_ value: String, to text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            // U+2028 and U+2029 are line ends to JavaScript, where our texts also land.
            case "\u{0}"..."\u{1F}", "\u{7F}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
