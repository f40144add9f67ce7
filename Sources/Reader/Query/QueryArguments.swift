public import Telemetry

/// The arguments of a query by name: the one form that requests of the bus and of HTTP share.
///
/// The bus carries numbers and lists; HTTP carries texts, a repeated one as a list. Either is
/// accepted wherever its text is the same.
public struct QueryArguments: Sendable {
    private let given: [String: Value]

    /// The arguments of a request; null is the same as leaving one out.
    public init(_ value: Value) throws(QueryError) {
        switch value {
        case .null: given = [:]
        case .map(let members): given = members.filter { $0.value != .null }
        default: throw .parameter("arguments", found: "no map", expected: "a map by name")
        }
    }

    /// The parameters of an address; a name that occurs twice becomes a list.
    package init(pairs: [(name: String, text: String)]) {
        given = Dictionary(grouping: pairs, by: \.name).mapValues { pairs in
            pairs.count == 1
                ? .string(pairs[0].text) : .array(pairs.map { .string($0.text) })
        }
    }

    /// Refuses every argument that is not one of `known`.
    func allow(_ known: [String]) throws(QueryError) {
        for name in given.keys.sorted() where !known.contains(name) {
            throw .unknownParameter(name, known: known)
        }
    }

    /// The range from `start` to `end`, each resolved by the same reading of the clock.
    ///
    /// It is cut to the years in which samples are possible, 1970 to 2200.
    func range(
        defaultStart: TimeArgument?,
        defaultEnd: TimeArgument = .beforeNow(.zero),
        now: Timestamp
    ) throws(QueryError) -> Range<Timestamp> {
        guard let first = try time("start") ?? defaultStart else {
            throw .parameter("start", found: "missing", expected: TimeArgument.expectation)
        }
        let start = first.resolved(at: now)
        let end = (try time("end") ?? defaultEnd).resolved(at: now)
        guard start < end else { throw .range(start: start, end: end) }
        return (start..<end).clamped(to: Timestamp.publishable)
    }

    private func time(_ name: String) throws(QueryError) -> TimeArgument? {
        guard let value = given[name] else { return nil }
        return try TimeArgument(value, argument: name, isStart: name == "start")
    }

    /// A list of patterns, empty if the argument is left out.
    func patterns(_ name: String) throws(QueryError) -> [FieldPattern] {
        guard let value = given[name] else { return [] }
        let elements = value.array ?? [value]
        guard elements.count <= ReaderLimits.fields else {
            throw .limit(
                what: "fields",
                found: elements.count,
                limit: ReaderLimits.fields,
                advice: "ask for fewer at a time"
            )
        }
        var patterns: [FieldPattern] = []
        for element in elements {
            guard let text = element.string, !text.isEmpty else {
                throw .parameter(name, found: element.told, expected: "a field's full name")
            }
            guard text.utf8.count <= ReaderLimits.patternBytes else {
                throw .parameter(
                    name,
                    found: "a text of \(text.utf8.count) bytes",
                    expected: "a name or a pattern of at most \(ReaderLimits.patternBytes)"
                )
            }
            patterns.append(FieldPattern(text))
        }
        return patterns
    }

    /// A duration in seconds, not negative.
    func seconds(_ name: String) throws(QueryError) -> Duration? {
        guard let value = given[name] else { return nil }
        let number = value.double ?? value.string.flatMap(Double.init)
        guard let number, (0...1e9).contains(number) else {
            throw .parameter(name, found: value.told, expected: "seconds, from 0 to 1e9")
        }
        return .nanoseconds(Int64((number * 1e9).rounded()))
    }

    /// An integer from 1.
    func count(_ name: String, atMost most: Int) throws(QueryError) -> Int? {
        guard let value = given[name] else { return nil }
        let number = value.int.flatMap(Int.init(exactly:)) ?? value.string.flatMap { Int($0) }
        guard let number, (1...most).contains(number) else {
            throw .parameter(name, found: value.told, expected: "an integer from 1 to \(most)")
        }
        return number
    }

    /// One of `choices`, the first if the argument is left out.
    func choice(_ name: String, of choices: [String]) throws(QueryError) -> String {
        guard let value = given[name] else { return choices[0] }
        guard let text = value.string, choices.contains(text) else {
            throw .parameter(
                name,
                found: value.told,
                expected: "one of " + choices.joined(separator: ", ")
            )
        }
        return text
    }

    /// The arguments without those named, which another part has read.
    func without(_ names: [String]) -> QueryArguments {
        QueryArguments(given: given.filter { !names.contains($0.key) })
    }

    private init(given: [String: Value]) {
        self.given = given
    }
}

extension Value {
    /// How an error shows what was given: a text as it came, anything else as JSON.
    fileprivate var told: String { string.map { "`\($0)`" } ?? json }
}
