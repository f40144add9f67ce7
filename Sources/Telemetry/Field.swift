/// What the values of a field are.
public enum FieldType: String, Hashable, Sendable, CaseIterable {
    /// IEEE 754 binary64; may be NaN or infinite.
    case double
    /// A 64-bit signed integer.
    case int
    /// True or false.
    case bool
    /// UTF-8 text.
    case string
}

/// A unit of measurement, as printed beside a value: `K`, `mbar`, `W/K`.
public struct Unit: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral {
    /// The unit as printed.
    public let rawValue: String

    /// The unit printed as `rawValue`.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// The unit printed as the literal.
    public init(stringLiteral value: String) {
        rawValue = value
    }

    /// Kelvin, of temperatures.
    public static let kelvin: Unit = "K"
    /// Ohm, of resistances.
    public static let ohm: Unit = "ohm"
    /// Watt, of powers.
    public static let watt: Unit = "W"
    /// Volt, of voltages.
    public static let volt: Unit = "V"
    /// Second, of durations.
    public static let second: Unit = "s"
    /// Byte, of sizes.
    public static let byte: Unit = "B"
    /// Per cent, of fractions.
    public static let percent: Unit = "%"
    /// Degree Celsius, of temperatures.
    public static let celsius: Unit = "degC"
}

/// One quantity of a feed, as declared: its type, unit and meaning.
public struct Field: Hashable, Sendable {
    /// The name, unique within the feed.
    public let name: String
    /// What the values are.
    public let type: FieldType
    /// The unit, nil for pure numbers and texts.
    public let unit: Unit?
    /// What the field means, for people; may be empty.
    public let description: String
    /// The values that are in order; one outside of it is a fault, not an error.
    public let limits: ClosedRange<Double>?

    /// Declares a field, whose name follows ``Name/rule``.
    public init(
        _ name: String,
        _ type: FieldType = .double,
        unit: Unit? = nil,
        description: String = "",
        limits: ClosedRange<Double>? = nil
    ) {
        self.name = name
        self.type = type
        self.unit = unit
        self.description = description
        self.limits = limits
    }
}

/// The named stream of one agent: co-sampled fields that share their timestamps.
public struct Feed: Hashable, Sendable {
    /// The name, unique within the agent.
    public let name: String
    /// The fields, in the order of the columns of every block.
    public let fields: [Field]
    /// The expected time between two samples, nil if they come as they come.
    public let period: Duration?
    /// What the feed is, for people; may be empty.
    public let description: String
    /// How much older than the newest one a sample may be and still be on time.
    public let lateness: Duration
    /// Whether `publish` waits for the disk (fsync) instead of only for the kernel.
    public let isDurable: Bool

    /// Declares a feed of 1 to 4,096 fields; all names follow ``Name/rule``.
    public init(
        _ name: String,
        fields: [Field],
        period: Duration? = nil,
        description: String = "",
        lateness: Duration = .zero,
        durable: Bool = false
    ) {
        self.name = name
        self.fields = fields
        self.period = period
        self.description = description
        self.lateness = lateness
        isDurable = durable
    }

    /// The most fields that a feed may have.
    public static let mostFields = 4096

    /// Refuses a declaration with a bad name, with no or too many fields, or with one name twice.
    public func check() throws(TelemetryError) {
        guard Name.isValid(name) else { throw .badName(name) }
        guard (1...Self.mostFields).contains(fields.count) else {
            throw .fieldCount(feed: name, fields.count)
        }
        var seen: Set<String> = []
        for field in fields {
            guard Name.isValid(field.name) else { throw .badName(field.name) }
            guard seen.insert(field.name).inserted else {
                throw .fieldTwice(feed: name, field: field.name)
            }
        }
    }
}
