internal import Telemetry

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
    public func matches(_ name: String) -> Bool { Glob.matches(text, name) }

    /// A name of fewer than three parts without `*` stands for all that is below it.
    public var widened: FieldPattern {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count < 3 && !isGlob ? FieldPattern(text + ".*") : self
    }

    /// Whether the pattern fits any full name of a field that begins so; it has two dots.
    package func mayMatch(beginning: String) -> Bool {
        let pattern = Self.withoutRepeatedStars(text)
        // The places in the pattern at which the name so far may stand.
        var places: Set<Int> = [0]
        for byte in beginning.utf8 {
            var next: Set<Int> = []
            for place in Self.skippingStars(places, pattern) where place < pattern.count {
                if pattern[place] == UInt8(ascii: "*") {
                    next.insert(place)
                } else if pattern[place] == byte {
                    next.insert(place + 1)
                }
            }
            guard !next.isEmpty else { return false }
            places = next
        }
        let dot = UInt8(ascii: ".")
        let left = 2 - beginning.utf8.count { $0 == dot }
        return Self.skippingStars(places, pattern).contains { place in
            let rest = pattern[place...]
            let dots = rest.count { $0 == dot }
            // A star stands for dots too; what ends here names a feed or an instance, no field.
            return !rest.isEmpty
                && (dots == left || dots < left && rest.contains(UInt8(ascii: "*")))
        }
    }

    /// Two stars stand for what one stands for, and cost more: a text has as many as one likes.
    private static func withoutRepeatedStars(_ text: String) -> [UInt8] {
        let star = UInt8(ascii: "*")
        return text.utf8.reduce(into: []) { bytes, byte in
            if byte != star || bytes.last != star { bytes.append(byte) }
        }
    }

    /// The places, and those behind stars that stand for nothing.
    private static func skippingStars(_ places: Set<Int>, _ pattern: [UInt8]) -> Set<Int> {
        var all = places
        for place in places {
            var place = place
            while place < pattern.count, pattern[place] == UInt8(ascii: "*") {
                place += 1
                all.insert(place)
            }
        }
        return all
    }
}
