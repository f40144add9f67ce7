/// A full field name, or a text with `*` that stands for any run of characters, dots included.
public struct FieldPattern: Hashable, Sendable, CustomStringConvertible {
    /// The pattern as written.
    public let text: String

    /// The pattern `text`; every text is one.
    public init(_ text: String) {
        self.text = text
    }

    /// The pattern as written.
    public var description: String { text }

    /// Whether the pattern may match more than one name.
    public var isGlob: Bool { text.utf8.contains(UInt8(ascii: "*")) }

    /// Whether all of `name` fits the pattern.
    public func matches(_ name: String) -> Bool {
        guard isGlob else { return name == text }
        return Self.matches(Array(text.utf8), Array(name.utf8))
    }

    /// Goes back to the last star only, so that no pattern takes more than N × M steps.
    private static func matches(_ pattern: [UInt8], _ name: [UInt8]) -> Bool {
        var (at, position) = (0, 0)
        var star: (at: Int, position: Int)?
        while position < name.count {
            if at < pattern.count, pattern[at] == UInt8(ascii: "*") {
                star = (at, position)
                at += 1
            } else if at < pattern.count, pattern[at] == name[position] {
                at += 1
                position += 1
            } else if let last = star {
                star = (last.at, last.position + 1)
                (at, position) = (last.at + 1, last.position + 1)
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
