package import Telemetry

/// A question for series or tables, read from what Grafana posts.
package struct SimpleJSONQuery {
    struct Target {
        let pattern: FieldPattern
        let isTable: Bool
    }

    let range: Range<Timestamp>
    let targets: [Target]
    let maxPoints: Int
    private let filters: [(place: Int, value: String)]

    /// By what series can be chosen: the parts of a field's name.
    static let tagKeys = ["agent", "feed", "field"]

    package init(_ body: Value, now: Timestamp) throws(QueryError) {
        range = try Self.range(body, now: now)
        guard let targets = body["targets"]?.array else {
            throw .parameter("targets", found: "missing", expected: "a list of targets")
        }
        guard targets.count <= ReaderLimits.targets else {
            throw .limit(
                what: "targets",
                found: targets.count,
                limit: ReaderLimits.targets,
                advice: "ask for fewer at a time, or use a pattern with `*`"
            )
        }
        // A row of a panel that nobody has filled in yet is no error of the others.
        self.targets = targets.compactMap { target in
            guard let name = target["target"]?.string, !name.isEmpty,
                target["hide"] != .bool(true)
            else { return nil }
            return Target(pattern: FieldPattern(name), isTable: target["type"] == "table")
        }
        let wanted = body["maxDataPoints"]?.int.map(Int.init(clamping:)) ?? 1000
        maxPoints = min(max(1, wanted), ReaderLimits.buckets)
        var filters: [(place: Int, value: String)] = []
        for filter in body["adhocFilters"]?.array ?? [] {
            let key = filter["key"]?.string ?? ""
            let sign = filter["operator"]?.string ?? ""
            guard let place = Self.tagKeys.firstIndex(of: key), sign == "=" else {
                throw .parameter(
                    "adhocFilters",
                    found: "\(key) \(sign)",
                    expected: "one of " + Self.tagKeys.joined(separator: ", ") + " and `=`"
                )
            }
            filters.append((place, filter["value"]?.string ?? ""))
        }
        self.filters = filters
    }

    /// The half-open range of a question, whose times are ISO 8601.
    static func range(_ body: Value, now: Timestamp) throws(QueryError) -> Range<Timestamp> {
        let range = body["range"] ?? .null
        func time(_ name: String) throws(QueryError) -> Timestamp {
            guard let text = range[name]?.string else {
                throw .parameter("range.\(name)", found: "missing", expected: "a time in ISO 8601")
            }
            return try TimeArgument(text, argument: "range.\(name)", isStart: name == "from")
                .resolved(at: now)
        }
        let (from, to) = (try time("from"), try time("to"))
        guard from < to else { throw .range(start: from, end: to) }
        return (from..<to).clamped(to: Timestamp.publishable)
    }

    /// What the archive is asked for one target.
    func data(of target: Target) -> DataQuery {
        DataQuery(
            fields: [narrowed(target.pattern)],
            range: range,
            reduction: .buckets(maxPoints)
        )
    }

    /// The pattern with those parts that filters fix, where it leaves them open.
    private func narrowed(_ pattern: FieldPattern) -> FieldPattern {
        guard !filters.isEmpty else { return pattern }
        var parts = pattern.text.split(separator: ".").map(String.init)
        if pattern.text == "*" { parts = ["*", "*", "*"] }
        guard parts.count == 3 else { return pattern }
        for (place, value) in filters {
            // What is fixed otherwise fits nothing.
            let isOpen = FieldPattern(parts[place]).matches(value)
            parts[place] = isOpen ? value : ""
        }
        return FieldPattern(parts.joined(separator: "."))
    }
}
