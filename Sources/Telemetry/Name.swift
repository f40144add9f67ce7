/// The rule for names of instances, feeds, fields and operations.
///
/// A full field name is `<instance>.<feed>.<field>` and a topic `<instance>/<feed>/`, so neither
/// dots nor slashes may occur in a part.
public enum Name {
    /// The longest name, in bytes: it has to fit a file name beside a suffix.
    public static let longest = 128

    /// What a name may be, as a phrase for error messages.
    public static let rule =
        "1 to \(longest) letters, digits, `_` or `-`, not beginning with `-`"

    /// Whether `text` may name an instance, a feed, a field or an operation.
    public static func isValid(_ text: String) -> Bool {
        guard (1...longest).contains(text.utf8.count), text.utf8.first != 0x2D else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2D: true
            default: false
            }
        }
    }
}

/// Where a field stands: instance, feed and field, written `instance.feed.field`.
public struct FieldName: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The instance that publishes the field.
    public let instance: String
    /// The feed that the field belongs to.
    public let feed: String
    /// The field's own name, unique within its feed.
    public let field: String

    /// The field `field` of the feed `feed` of `instance`.
    public init(instance: String, feed: String, field: String) {
        self.instance = instance
        self.feed = feed
        self.field = field
    }

    /// Reads `instance.feed.field`; nil unless it has three valid parts.
    public init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, parts.allSatisfy(Name.isValid) else { return nil }
        self.init(instance: parts[0], feed: parts[1], field: parts[2])
    }

    /// `instance.feed.field`.
    public var description: String { "\(instance).\(feed).\(field)" }

    /// The name of the timeline that the field is on: `instance.feed`.
    public var timeline: String { "\(instance).\(feed)" }

    /// In the order of instance, feed and field.
    public static func < (left: FieldName, right: FieldName) -> Bool {
        (left.instance, left.feed, left.field) < (right.instance, right.feed, right.field)
    }
}
