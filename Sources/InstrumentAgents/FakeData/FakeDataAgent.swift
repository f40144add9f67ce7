public import AgentRuntime
public import Telemetry

/// Publishes numbers of no meaning: for trying things out, for tests, and as a source of load.
///
/// - Process `acquire`: sines with noise, as the feed `false_temperatures`, at a constant rate.
/// - Process `count`: 1, 2, 3, … once a second, as the feed `counter`.
/// - Process `load` (if configured): rows numbered by their field `n` as the feed `load`, up to
///   500,000 messages a second, for ever or as many as asked for; a lost row leaves a hole in `n`.
///   Several feeds, `load_1` and so on, are published together, each at its share of the rate.
/// - Task `delay_task`: takes its time, can be aborted, and fails if told so.
public struct FakeDataAgent: Agent {
    /// How an instance is set up.
    public struct Configuration: Sendable {
        /// Channels of `false_temperatures`, from 1 to 4,096.
        public var channels: Int
        /// Samples a second of each channel.
        public var rate: Double
        /// Samples in one message.
        public var rows: Int
        /// What the noise follows from.
        public var seed: UInt64
        /// What `load` publishes; nil leaves it out.
        public var load: Load?

        /// A configuration; the defaults are those of the site file.
        public init(
            channels: Int = 2,
            rate: Double = 9.5,
            rows: Int = 1,
            seed: UInt64 = 1,
            load: Load? = nil
        ) {
            self.channels = channels
            self.rate = rate
            self.rows = rows
            self.seed = seed
            self.load = load
        }
    }

    /// The messages of the process `load`.
    public struct Load: Sendable {
        /// Feeds that are published together.
        public var feeds: Int
        /// Fields of a row, `n` among them.
        public var fields: Int
        /// Rows of a message, each a block of its own record.
        public var rows: Int
        /// Messages a second, if a client does not say.
        public var rate: Double

        /// A load; the defaults are those of the site file.
        public init(feeds: Int = 1, fields: Int = 10, rows: Int = 1, rate: Double = 1000) {
            self.feeds = feeds
            self.fields = fields
            self.rows = rows
            self.rate = rate
        }
    }

    static let counter = Feed(
        "counter",
        fields: [Field("n", .int, description: "1, 2, 3, …")],
        period: .seconds(1),
        description: "a number that grows by 1 with each row"
    )

    private let configuration: Configuration
    private let temperatures: Feed
    private let load: LoadSource?

    /// Creates an agent.
    public init(_ configuration: Configuration) {
        self.configuration = configuration
        temperatures = Feed(
            "false_temperatures",
            fields: (0..<configuration.channels).map {
                Field("channel_" + ($0 < 10 ? "0" : "") + "\($0)", unit: .kelvin)
            },
            period: .nanoseconds(Int64(1e9 / configuration.rate)),
            description: "sines with noise"
        )
        load = configuration.load.map(LoadSource.init)
    }

    /// `false_temperatures`, `counter`, and those of `load` if it is configured.
    public var feeds: [Feed] { [temperatures, Self.counter] + (load?.feeds ?? []) }

    /// The processes `acquire`, `count` and `load`, and the task `delay_task`.
    public var operations: [AgentOperation] {
        let operations: [AgentOperation] = [
            .process("acquire", help: "publishes sines with noise", acquire),
            .process("count", help: "publishes 1, 2, 3, … once a second", count),
            .task("delay_task", help: "takes its time", abortable: true, delay),
        ]
        guard let load else { return operations }
        return operations + [
            .process("load", help: "publishes numbered rows at a high rate", load.run)
        ]
    }

    /// Publishes sines until the session is stopped; each message ends with the sample due now.
    func acquire(_ session: OperationSession, _ setting: AcquireSetting) async throws {
        let time = session.time
        let rate = configuration.rate
        let rows = configuration.rows
        var pacer = Pacer(rate: rate / Double(rows), onBeatsOf: time)
        let start = pacer.next
        var wave = Wave(seed: configuration.seed)
        var isDegraded = false
        while !Task.isCancelled {
            let now = time.monotonic
            // What has to be added to monotonic time for the wall clock.
            let wall = time.now - now
            var blocks: [Block] = []
            for _ in 0..<Limits.mostBlocksAtOnce {
                let due = pacer.next
                guard pacer.take(at: now, most: 1) == 1 else { break }
                blocks.append(block(endingAt: due, start, wall, &wave))
            }
            if !blocks.isEmpty { try await session.publish(temperatures, blocks) }
            if setting.degradationPeriod > 0 {
                let periods = Int((now - start).inSeconds / setting.degradationPeriod)
                if (periods % 2 == 1) != isDegraded {
                    isDegraded.toggle()
                    isDegraded
                        ? session.markDegraded(because: FakeFailure.pretended)
                        : session.markHealthy()
                }
            }
            do {
                try await time.sleep(untilMonotonic: pacer.wake(after: now))
            } catch {
                return
            }
        }
    }

    private func block(
        endingAt due: Duration,
        _ start: Duration,
        _ wall: Timestamp,
        _ wave: inout Wave
    ) -> Block {
        let rows = configuration.rows
        let instants = (0..<rows).map { row in
            let before = Double(rows - 1 - row) / configuration.rate
            return due - .nanoseconds(Int64((before * 1e9).rounded()))
        }
        let columns = (0..<configuration.channels).map { channel in
            Column.doubles(
                instants.map { instant -> Double in
                    wave.kelvins(of: channel, at: (instant - start).inSeconds)
                }
            )
        }
        return Block(timestamps: instants.map { wall + $0 }, columns: columns)
    }

    /// Publishes 1, 2, 3, … until the session is stopped.
    func count(_ session: OperationSession) async throws {
        var number: Int64 = 0
        for await tick in session.ticks(every: .seconds(1)) {
            number += 1
            let block = Block(timestamps: [tick], columns: [.ints([number])])
            try await session.publish(Self.counter, block)
            session.set("n", .int(number))
        }
    }

    /// Waits in twenty steps and reports each; no time at all is one step.
    func delay(_ session: OperationSession, _ setting: DelaySetting) async throws {
        let start = session.time.monotonic
        let steps = setting.delay > 0 ? 20 : 1
        for step in 1...steps {
            let fraction = Double(step) / Double(steps)
            try await session.time.sleep(
                untilMonotonic: start + .nanoseconds(Int64(setting.delay * fraction * 1e9))
            )
            session.progress(fraction)
        }
        if !setting.succeed { throw FakeFailure.asked }
    }
}
