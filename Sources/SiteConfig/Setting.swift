public import Telemetry

/// A node of the file: its shape and its place; environment variables are already expanded.
public struct Setting: Sendable {
    /// What stands there.
    public indirect enum Shape: Sendable {
        case null
        /// A scalar as written, and whether it was quoted.
        ///
        /// One that got its text from a variable does not count as quoted, since inside of
        /// `{…}` YAML wants quotes around `${…}`.
        case scalar(String, quoted: Bool)
        case list([Setting])
        /// Keys in the order of the file, each with its place.
        case map([(key: String, place: Place, value: Setting)])
    }

    /// What stands there.
    public var shape: Shape
    /// Where it begins.
    public var place: Place
    /// The scalar before its variables were expanded, nil if it had none; messages show this,
    /// since what the environment holds may be a secret.
    public var written: String?

    /// A node.
    public init(_ shape: Shape, at place: Place) {
        self.shape = shape
        self.place = place
    }

    /// The value under `key` of a map, nil where there is none.
    public subscript(key: String) -> Setting? {
        guard case .map(let entries) = shape else { return nil }
        return entries.first { $0.key == key }?.value
    }

    /// The text of a scalar, nil for any other shape.
    public var text: String? {
        guard case .scalar(let text, _) = shape else { return nil }
        return text
    }
}

extension Setting {
    /// The node as a value: plain numbers and `true`, `false` by their look, all else as text.
    public var value: Value {
        switch shape {
        case .null: return .null
        case .scalar(let text, let quoted):
            if quoted { return .string(text) }
            if text == "true" || text == "false" { return .bool(text == "true") }
            if let integer = Int64(text) { return .int(integer) }
            return Setting.number(text).map(Value.double) ?? .string(text)
        case .list(let elements): return .array(elements.map(\.value))
        case .map(let entries):
            return .map(
                Dictionary(entries.map { ($0.key, $0.value.value) }, uniquingKeysWith: { $1 })
            )
        }
    }

    /// The finite decimal number that `text` is; `nan`, `inf` and hexadecimal are none.
    static func number(_ text: String) -> Double? {
        let isDecimal = text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x2B, 0x2D, 0x2E, 0x45, 0x65: true
            default: false
            }
        }
        guard isDecimal, let number = Double(text), number.isFinite else { return nil }
        return number
    }

    /// What stands there, as a phrase for messages.
    var found: String {
        switch shape {
        case .null: "empty"
        case .scalar(let text, let quoted):
            written.map { "\(Self.quote($0)) (a variable of the environment)" }
                ?? (quoted ? "the quoted text \(Self.quote(text))" : Self.quote(text))
        case .list: "a list"
        case .map: "a map"
        }
    }

    /// A scalar as a message may show it: as written, without control characters, and cut to what
    /// a line can hold; nil for any other shape.
    var shown: String? {
        guard let text = written ?? text else { return nil }
        return Self.shown(text)
    }

    /// A piece of the file in backquotes, as a message may show it.
    static func quote(_ text: String) -> String { "`\(shown(text))`" }

    private static func shown(_ text: String) -> String {
        let clean = text.unicodeScalars.prefix(Limits.quotedCharacters).map { scalar in
            scalar.properties.generalCategory == .control ? "?" : String(scalar)
        }
        let cut = text.unicodeScalars.count > Limits.quotedCharacters
        return clean.joined() + (cut ? "…" : "")
    }
}
