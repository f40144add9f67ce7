internal import InstrumentAgents
internal import PromQL
internal import Reader
internal import SiteConfig
internal import Telemetry

// What people, browsers, dashboards and instruments write: texts.

extension FuzzTarget {
    /// The time at which questions are asked.
    private static let now = Timestamp(seconds: 1_795_237_800)

    static func readSite(_ bytes: UnsafeRawBufferPointer) {
        _ = try? Site.load(
            text: String(decoding: bytes, as: UTF8.self),
            file: "site.yaml",
            folder: "/site",
            environment: ["NAME": "value", "PORT": "5560"]
        )
    }

    static func readPromQL(_ bytes: UnsafeRawBufferPointer) {
        let text = String(decoding: bytes, as: UTF8.self)
        _ = try? PromQLQuery.duration(text)
        _ = try? PromQLQuery.matchers(text)
        guard let query = try? PromQLQuery(text) else { return }
        let source = FuzzSeries(now: now)
        _ = try? query.answer(at: now, from: source)
        guard let steps = try? Steps(from: now - .seconds(60), to: now, step: .seconds(5)) else {
            return
        }
        _ = try? query.answer(at: steps, from: source)
    }

    /// The bytes are what stands behind `?`, a form, and a body of JSON.
    static func readHTTP(_ bytes: UnsafeRawBufferPointer) {
        let text = String(decoding: bytes, as: UTF8.self)
        let pairs = AddressQuery.pairs(text)
        let arguments = QueryArguments(pairs: pairs)
        _ = try? FieldsQuery(arguments, now: now)
        _ = try? DataQuery(arguments, now: now)
        _ = try? GapsQuery(arguments, now: now)
        _ = try? CompletenessQuery(arguments, now: now)
        for (_, text) in pairs.prefix(8) {
            _ = FieldPattern(text).matches("cryo-1.temperatures.channel_1")
            _ = FieldPattern(text).widened.matches("a.b.c")
        }
        let form = FormArguments(pairs)
        _ = try? form.time("start", now)
        _ = try? form.steps(now)
        _ = try? form.limit()
        guard let body = try? Value(json: text) else { return }
        _ = try? SimpleJSONQuery(body, now: now)
        if let arguments = try? QueryArguments(body) { _ = try? DataQuery(arguments, now: now) }
        precondition((try? Value(json: body.json)) != nil, "JSON that is not read back")
    }

    /// The bytes are what an instrument sends: pieces of a connection, each a byte that says how
    /// long it is and what happens before it, and so many bytes.
    static func readReplies(_ bytes: UnsafeRawBufferPointer) {
        var line = LineDialogue()
        var bridge = Lakeshore372Dialogue(settle: .seconds(1))
        var module = IMacRTDialogue(model: "MMR")
        var clock = Duration.zero
        var place = 0
        while place < bytes.count {
            let head = bytes[place]
            let end = min(bytes.count, place + 1 + Int(head & 63))
            let piece = Array(bytes[(place + 1)..<end])
            place = end
            clock += .milliseconds(500)
            if head & 0x40 != 0 {
                _ = line.handle(.asked)
                _ = bridge.beginPass()
                _ = module.handle(.asked(module.isIdentified ? .number : .identity))
            }
            for action in line.handle(.received(piece)) {
                if case .answer(let text) = action { _ = bridge.answer(text, at: clock) }
                if case .close = action { bridge.connected() }
            }
            _ = module.handle(.received(String(decoding: piece, as: UTF8.self)))
        }
        _ = line.handle(.closed)
        _ = module.handle(.gaveUp)
    }
}

/// A few series with a sample each second, for expressions to be worked out on.
private struct FuzzSeries: SeriesSource {
    let now: Timestamp

    private let labels = [
        ["__name__": "a", "agent": "x"], ["__name__": "a", "agent": "y"], ["__name__": "b"],
    ]
    private static let values: [Double] = [1, -2, .nan, 0, .infinity, 1e300]

    private func fitting(_ matchers: [LabelMatcher]) -> [[String: String]] {
        labels.filter { labels in
            matchers.allSatisfy { $0.matches(labels[$0.label] ?? "") }
        }
    }

    func latest(
        _ matchers: [LabelMatcher],
        at steps: Steps,
        within age: Duration?
    ) throws -> [Series] {
        fitting(matchers).map { labels in
            let values = (0..<steps.count).map { Self.values[$0 % Self.values.count] as Double? }
            return Series(labels: labels, values: values)
        }
    }

    func samples(
        _ matchers: [LabelMatcher],
        after start: Timestamp,
        through end: Timestamp
    ) throws -> [SampledSeries] {
        fitting(matchers).map { labels in
            let times = (0..<100).map { now - .seconds(100 - $0) }.filter {
                $0 > start && $0 <= end
            }
            let values = times.indices.map { Self.values[$0 % Self.values.count] }
            return SampledSeries(labels: labels, times: times, values: values)
        }
    }

    func buckets(
        _ matchers: [LabelMatcher],
        between edges: [Timestamp]
    ) throws -> [BucketedSeries] {
        fitting(matchers).map { labels in
            let buckets = (1..<edges.count).map { number in
                var bucket = BucketedSeries.Bucket()
                for value in Self.values.prefix(number % 7) { bucket.add(value) }
                return bucket
            }
            return BucketedSeries(labels: labels, buckets: buckets)
        }
    }
}
