internal import Telemetry

/// Feeds of made-up samples, the same ones for the same seed.
struct SampleSet: Hashable, Sendable {
    /// What the fields of each feed look like.
    enum Look: String, CaseIterable, Hashable, Sendable {
        /// The archive set: what a cryostat's housekeeping is made of.
        case housekeeping
        /// What a host says of itself.
        case host
        /// Walks of every precision, without noise.
        case walks
        /// What hardly can be made smaller.
        case noise
        /// Texts, and values that are missing or not numbers.
        case sparse
    }

    /// What the fields of each feed look like.
    var look = Look.housekeeping
    /// How many feeds, and how many fields each; 0 fields are as many as the look has kinds.
    var feeds = 25, fields = 0
    /// Rows a second of each feed.
    var rate = 1.0
    /// What makes one set different from another.
    var seed: UInt64 = 1
    /// The first instant.
    var start = Timestamp(nanoseconds: 1_780_272_000_000_000_000)

    /// Feeds of one instance: a log, and a batch of the journal, has the rows of all of them.
    static let feedsOfInstance = 5

    /// The rows that a message has at most; its first one is so much older when it is published.
    static let mostRowsOfMessage = 60.0

    /// The feed `number` from its beginning; another `part` is another beginning.
    func feed(_ number: Int, part: Int = 0) -> SampleFeed {
        SampleFeed(self, number: number, part: part)
    }

    /// The fields of each feed: name and kind.
    var kinds: [(name: String, kind: SampleKind)] {
        let kinds = look.kinds
        guard fields > 0 else { return kinds }
        return (0..<fields).map { number in
            let (name, kind) = kinds[number % kinds.count]
            return (number < kinds.count ? name : "\(name)_\(number)", kind)
        }
    }
}

extension SampleSet.Look {
    fileprivate var kinds: [(name: String, kind: SampleKind)] {
        switch self {
        case .housekeeping:
            [
                ("temp_0", .thermometer(base: 0.1, digits: 5)),
                ("temp_1", .thermometer(base: 4.2, digits: 3)),
                ("volt", .noise(mean: 1.25, deviation: 1e-3)),
                ("press", .gauge(base: 1e-6, digits: 4)), ("setpoint", .setpoint),
                ("counter", .counter(step: 1000)), ("ok", .flag(failing: 1e-3)),
                ("state", .state(changes: 20)),
            ]
        case .host:
            [
                ("load_1", .gauge(base: 0.8, digits: 3)), ("memory_free", .pages(size: 4096)),
                ("disk_free", .pages(size: 512)), ("received", .traffic(mean: 90_000)),
                ("sent", .traffic(mean: 300)), ("busy", .noise(mean: 12, deviation: 3)),
                ("core", .thermometer(base: 51, digits: 0)), ("errors", .counter(step: 1)),
            ]
        case .walks:
            [
                ("wide", .walk), ("narrow", .narrowWalk), ("converter", .converter),
                ("axis", .axis), ("level", .gauge(base: 100, digits: 6)),
                ("slow", .thermometer(base: 300, digits: 1)),
                ("fine", .thermometer(base: 1, digits: 9)), ("events", .traffic(mean: 50)),
            ]
        case .noise:
            [
                ("volt", .noise(mean: 0, deviation: 1)), ("bits", .random), ("walk", .walk),
                ("identifier", .identifier),
            ]
        case .sparse:
            [
                ("remark", .remarks(fraction: 0.01)), ("state", .state(changes: 20)),
                ("gone", .missing(fraction: 0.1)), ("broken", .broken(fraction: 0.01)),
                ("rare", .missing(fraction: 0.99)), ("ok", .flag(failing: 0.1)),
            ]
        }
    }
}

/// The rows of one feed, hour after hour.
struct SampleFeed {
    /// Rows of a feed: N times, and N values of each field.
    struct Rows {
        var times: [Int64] = []
        var columns: [Column] = []
    }

    /// Whose feed it is, and its declaration.
    let instance: String, feed: Feed
    private var columns: [SampleColumn]
    private var random: SeededRandom
    private let period: Double, start: Int64, phase: Double
    private var tick: Int64 = 0
    private var gap: Int64 = 0

    fileprivate init(_ set: SampleSet, number: Int, part: Int) {
        let seed = set.seed &* 1_000_003 &+ UInt64(number) &* 4099 &+ UInt64(part)
        instance = "hk-\(number / SampleSet.feedsOfInstance)"
        feed = Feed(
            "feed-\(number % SampleSet.feedsOfInstance)",
            fields: set.kinds.map { Field($0.name, $0.kind.type) },
            period: .nanoseconds(Int64(1e9 / set.rate)),
            lateness: .seconds(SampleSet.mostRowsOfMessage / set.rate)
        )
        columns = set.kinds.enumerated().map {
            SampleColumn($1.kind, seed: seed &* 8209 &+ UInt64($0))
        }
        random = SeededRandom(seed)
        period = 1e9 / set.rate
        start = set.start.nanoseconds
        phase = random.unit()
    }

    /// The rows of the next `seconds`: jitter of 5 ms on the times, and one in a thousand missing
    /// in short gaps.
    mutating func next(seconds: Int) -> Rows {
        let count = Int64((Double(seconds) * 1e9 / period).rounded())
        var rows = Rows()
        var ticks: [Int64] = []
        ticks.reserveCapacity(Int(count))
        rows.times.reserveCapacity(Int(count))
        let most = 0.4 * period
        for _ in 0..<count {
            defer { tick += 1 }
            if gap == 0, random.unit() < 1e-4 { gap = 1 + Int64(random.below(19)) }
            let jitter = min(max(random.normal() * 5e6, -most), most)
            guard gap == 0 else {
                gap -= 1
                continue
            }
            let offset = ((Double(tick) + phase) * period + jitter) / 1000
            rows.times.append(start + Int64(offset.rounded()) * 1000)
            ticks.append(tick)
        }
        rows.columns = columns.indices.map { columns[$0].next(ticks) }
        return rows
    }
}
