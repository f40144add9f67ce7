internal import CRE2

/// What a label of a series must be.
public struct LabelMatcher: Hashable, Sendable {
    /// The four ways to compare.
    public enum Comparison: String, Hashable, Sendable {
        case equal = "="
        case unequal = "!="
        case matches = "=~"
        case matchesNot = "!~"
    }

    /// The name of the label; one that a series does not have is empty there.
    public let label: String
    /// How its value is compared.
    public let comparison: Comparison
    /// With what: a value, or a regular expression for the whole of it.
    public let value: String

    private let pattern: Pattern?

    /// A matcher.
    ///
    /// - Throws: ``PromQLError/pattern(_:reason:)`` if `value` should be a regular expression and
    ///   is none, in the syntax of RE2.
    public init(_ label: String, _ comparison: Comparison, _ value: String) throws(PromQLError) {
        self.label = label
        self.comparison = comparison
        self.value = value
        switch comparison {
        case .equal, .unequal: pattern = nil
        case .matches, .matchesNot: pattern = try Pattern(value)
        }
    }

    /// Whether a label with this value fits.
    public func matches(_ text: String) -> Bool {
        switch comparison {
        case .equal: text == value
        case .unequal: text != value
        case .matches: pattern?.matches(text) == true
        case .matchesNot: pattern?.matches(text) == false
        }
    }

    /// Whether both compare in the same way with the same.
    public static func == (left: LabelMatcher, right: LabelMatcher) -> Bool {
        left.label == right.label && left.comparison == right.comparison
            && left.value == right.value
    }

    /// Hashes what ``==(_:_:)`` compares.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(label)
        hasher.combine(comparison)
        hasher.combine(value)
    }
}

// RE2 promises that a compiled expression may be matched from several threads at once.
private final class Pattern: @unchecked Sendable {
    private let expression: OpaquePointer

    init(_ text: String) throws(PromQLError) {
        var reason = [CChar](repeating: 0, count: 200)
        var text = text
        let made = text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                cerro_re2_make(
                    $0.baseAddress,
                    $0.count,
                    PromQLLimits.expressionMemory,
                    &reason,
                    reason.count
                )
            }
        }
        guard let made else {
            let bytes = reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            throw .pattern(text, reason: String(decoding: bytes, as: UTF8.self))
        }
        expression = made
    }

    func matches(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                cerro_re2_matches(expression, $0.baseAddress, $0.count)
            }
        }
    }

    deinit { cerro_re2_free(expression) }
}
