internal import Telemetry

/// How much of what each instance published is in the archive.
struct Completeness: Sendable {
    /// The hours of each timeline, `instance.feed`, as the reader answers them.
    private let timelines: [String: Value]

    /// Takes the reader's answer to `completeness`.
    init(_ timelines: [String: Value]) {
        self.timelines = timelines
    }

    /// The timelines of an instance, by feed.
    func value(of instance: String) -> [String: Value] {
        Dictionary(
            uniqueKeysWithValues: timelines.filter { $0.key.hasPrefix(instance + ".") }
                .map { (String($0.key.dropFirst(instance.count + 1)), $0.value) }
        )
    }

    /// What is there of the worst feed of an instance: `100 %`, `99.8 %`, `?` where nobody knows
    /// how much is missing, `-` where there was nothing.
    ///
    /// Feeds with a declared period count; those that come as they come only where there are no
    /// others, since a gap of the whole instance is most of what they have.
    func text(of instance: String) -> String {
        let feeds = value(of: instance).values
        let regular = feeds.filter { $0["period"]?.double != nil }
        let sums = (regular.isEmpty ? Array(feeds) : regular).map(Self.sum)
        let parts = sums.filter { $0.rows + $0.missing > 0 }
        guard let worst = parts.map({ Double($0.rows) / Double($0.rows + $0.missing) }).min() else {
            return parts.isEmpty && sums.allSatisfy(\.isKnown) ? "-" : "?"
        }
        let percent = Self.percent(worst)
        return sums.allSatisfy(\.isKnown) ? percent : worst < 1 ? "≤ \(percent)" : "?"
    }

    /// Rows and missing records of all hours, and whether all that is missing is counted.
    private static func sum(
        of timeline: Value
    ) -> (rows: Int64, missing: Int64, isKnown: Bool) {
        let hours = timeline["hours"]?.array ?? []
        return (
            hours.reduce(0) { $0 + ($1["rows"]?.int ?? 0) },
            hours.reduce(0) { $0 + ($1["missing"]?.int ?? 0) },
            hours.allSatisfy { $0["missing"]?.int != nil }
        )
    }

    /// A part in percent, to a tenth, cut: nothing but all is 100 %.
    private static func percent(_ part: Double) -> String {
        guard part < 1 else { return "100 %" }
        let tenths = Int64((part * 1000).rounded(.down))
        return "\(tenths / 10).\(tenths % 10) %"
    }
}
