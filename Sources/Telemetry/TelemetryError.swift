/// Why a declaration or a block is refused; nothing of a refused block is kept.
public enum TelemetryError: Error, Hashable, Sendable, CustomStringConvertible {
    case badName(String)
    case fieldCount(feed: String, Int)
    case fieldTwice(feed: String, field: String)
    case columnCount(feed: String, found: Int, expected: Int)
    case rowCount(feed: String, Int)
    case columnLength(feed: String, field: String, found: Int, expected: Int)
    case columnType(feed: String, field: String, found: FieldType, expected: FieldType)
    case timestampOutOfRange(feed: String, Timestamp)

    /// What was found, what is possible.
    public var description: String {
        switch self {
        case .badName(let name):
            "the name `\(name.prefix(200))` is not allowed: use \(Name.rule)"
        case .fieldCount(let feed, let count):
            "feed \(feed) declares \(count) fields; 1 to \(Feed.mostFields) are possible"
        case .fieldTwice(let feed, let field):
            "feed \(feed) declares the field \(field) twice"
        case .columnCount(let feed, let found, let expected):
            "a block of feed \(feed) has \(found) columns; the feed declares \(expected) fields"
        case .rowCount(let feed, let count):
            "a block of feed \(feed) has \(count) rows; 1 to \(Block.mostRows) are possible"
        case .columnLength(let feed, let field, let found, let expected):
            "field \(field) of feed \(feed) has \(found) values for \(expected) timestamps"
        case .columnType(let feed, let field, let found, let expected):
            "field \(field) of feed \(feed) is declared \(expected.rawValue) and got "
                + "\(found.rawValue) values that cannot be turned into it exactly"
        case .timestampOutOfRange(let feed, let timestamp):
            "a sample of feed \(feed) is dated \(timestamp), outside of 1970 to 2200: "
                + "check the clock that dated it"
        }
    }
}
