/// A frame of housekeeping, of schema version 0, 1 or 2, as version 2 would have it.
public enum HousekeepingFrame: Hashable, Sendable {
    /// A run of the writer begins, or a new file of it.
    case session(id: Int64, start: Double, description: String)
    /// The providers that there are now, by id: feed addresses, `observatory.thermo1.feeds.temps`.
    case status(session: Int64, timestamp: Double, providers: [Int64: String])
    /// Samples of one provider.
    case data(HousekeepingData)
    /// A frame of another type, or of a schema that is not known.
    case other(type: String)

    /// Reads a frame.
    ///
    /// - Throws: ``G3Error`` where a value is none, or is not of the class that the schema says.
    public init(_ frame: G3Frame) throws(G3Error) {
        guard frame.type == "H" else {
            self = .other(type: frame.type)
            return
        }
        let version = try frame.value("hkagg_version")?.int ?? 0
        let kind = try frame.value("hkagg_type")?.int
        guard (0...2).contains(version), let kind else {
            self = .other(type: frame.type)
            return
        }
        let session = try Self.required(frame, "session_id", \.int)
        switch kind {
        case 0:
            self = .session(
                id: session,
                start: try frame.value("start_time")?.double ?? 0,
                description: try frame.value("description")?.string ?? ""
            )
        case 1:
            self = .status(
                session: session,
                timestamp: try frame.value("timestamp")?.double ?? 0,
                providers: try Self.providers(frame)
            )
        case 2: self = .data(try HousekeepingData(frame, session: session, version: version))
        default: self = .other(type: frame.type)
        }
    }

    static func required<Part>(
        _ frame: G3Frame,
        _ key: String,
        _ part: (G3Value) -> Part?
    ) throws(G3Error) -> Part {
        guard let value = try frame.value(key), let found = part(value) else {
            throw G3Error(
                offset: frame.range.lowerBound,
                .malformed("the frame has no `\(key)` of the class that housekeeping has")
            )
        }
        return found
    }

    private static func providers(_ frame: G3Frame) throws(G3Error) -> [Int64: String] {
        guard case .objects(let entries)? = try frame.value("providers") else { return [:] }
        var providers: [Int64: String] = [:]
        for entry in entries {
            guard case .map(let map) = entry, let id = map["prov_id"]?.int,
                let description = map["description"]?.string
            else {
                throw G3Error(
                    offset: frame.range.lowerBound,
                    .malformed("a provider without `prov_id` and `description`")
                )
            }
            providers[id] = description
        }
        return providers
    }
}

/// Samples of one provider, in blocks of fields with times in common.
public struct HousekeepingData: Hashable, Sendable {
    /// Fields with N times in common.
    public struct Block: Hashable, Sendable {
        /// What the writer calls it; no part of a field's name.
        public let name: String
        /// N values of each field, by its name.
        public let fields: [String: G3Vector]
        private let ticks: G3Vector

        init(name: String, fields: [String: G3Vector], times: G3Vector) {
            self.name = name
            self.fields = fields
            ticks = times
        }

        /// How many times there are.
        public var count: Int { ticks.count }

        /// The N times in nanoseconds since 1970-01-01 UTC, as they stand: seldom out of order.
        public var nanoseconds: [Int64] {
            ticks.kind == .doubles
                ? ticks.doubles.map { Self.nanoseconds(ticks: Self.ticks($0)) }
                : ticks.integers.map(Self.nanoseconds(ticks:))
        }

        /// The earliest and the latest of ``nanoseconds``; nil where there is none.
        public var ends: (first: Int64, last: Int64)? {
            let times = nanoseconds
            guard let first = times.min(), let last = times.max() else { return nil }
            return (first, last)
        }

        /// Ticks of 10 ns, cut off as so3g does.
        private static func ticks(_ seconds: Double) -> Int64 {
            Int64(exactly: (seconds * 1e8).rounded(.towardZero)) ?? 0
        }

        /// Clamped: the years beyond 2262 are a broken clock's.
        private static func nanoseconds(ticks: Int64) -> Int64 {
            let (product, overflow) = ticks.multipliedReportingOverflow(by: 10)
            return overflow ? (ticks < 0 ? .min : .max) : product
        }
    }

    /// The session of the writer, and the provider within it.
    public let session: Int64, provider: Int64
    /// When the frame was made, in seconds since 1970-01-01 UTC.
    public let timestamp: Double
    /// The feed's address, where the writer put it into the frame.
    public let address: String?
    /// The blocks.
    public let blocks: [Block]

    init(_ frame: G3Frame, session: Int64, version: Int64) throws(G3Error) {
        self.session = session
        provider = try HousekeepingFrame.required(frame, "prov_id", \.int)
        timestamp = try frame.value("timestamp")?.double ?? 0
        address = try frame.value("address")?.string
        guard case .objects(let objects)? = try frame.value("blocks") else {
            blocks = []
            return
        }
        var names: [String]?
        if case .vector(let vector)? = try frame.value("block_names") { names = vector.strings }
        if version == 2, names?.count != objects.count {
            throw G3Error(
                offset: frame.range.lowerBound,
                .malformed("\(names?.count ?? 0) `block_names` for \(objects.count) blocks")
            )
        }
        var blocks: [Block] = []
        for (place, object) in objects.enumerated() {
            let (fields, times): ([String: G3Vector], G3Vector)
            switch object {
            case .timesamples(let vectors, let ticks): (fields, times) = (vectors, ticks)
            case .irregularBlock(_, let seconds, let vectors): (fields, times) = (vectors, seconds)
            default:
                throw G3Error(
                    offset: frame.range.lowerBound,
                    .malformed("block \(place) is none")
                )
            }
            let name = names?[place] ?? "block_for_\(fields.keys.min() ?? "")"
            blocks.append(Block(name: name, fields: fields, times: times))
        }
        self.blocks = blocks
    }
}
