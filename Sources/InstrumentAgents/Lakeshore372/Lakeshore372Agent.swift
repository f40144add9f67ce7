public import AgentRuntime
public import SiteConfig
public import Telemetry

/// Publishes the thermometers of one Lake Shore 372 bridge, and drives its heaters and scanner.
///
/// The bridge measures one channel at a time, the one that its scanner is connected to. So each
/// row of the feed has values for that channel only, and only once it has settled (its own pause
/// and `settle` after a change); all other channels are missing in that row, since the instrument
/// would only repeat what it measured last. `RDGST?` decides which values are valid: an overloaded
/// or shorted input is missing, with its status beside.
///
/// - Process `acquire`: one pass a period, five questions of some milliseconds each.
/// - Tasks `set_heater`, `set_still`, `set_channel`, `set_excitation`: return once the instrument
///   shows what they set.
public struct Lakeshore372Agent: Agent {
    /// How an instance is set up.
    public struct Configuration: Sendable {
        /// Where the instrument listens, usually on port 7777.
        public var address: Endpoint
        /// The channels that are published, each from 1 to 16.
        public var channels: [Int]
        /// The time between two passes, from 0.1 s to 2 s.
        public var period: Duration
        /// What a reply may take.
        public var timeout: Duration
        /// What is discarded after the pause that follows a change of channel.
        public var settle: Duration

        /// A configuration; the defaults are those of the site file.
        public init(
            address: Endpoint,
            channels: [Int] = Array(1...16),
            period: Duration = .seconds(1),
            timeout: Duration = .seconds(3),
            settle: Duration = .seconds(1)
        ) {
            self.address = address
            self.channels = channels
            self.period = period
            self.timeout = timeout
            self.settle = settle
        }
    }

    private let configuration: Configuration
    private let temperatures: Feed
    private let connection: Lakeshore372Connection

    /// Creates the agent of one bridge; `chance` spreads its reconnections.
    public init(
        _ configuration: Configuration,
        time: any TimeSource,
        chance: @escaping @Sendable () -> Double = { .random(in: 0...1) }
    ) {
        self.configuration = configuration
        temperatures = Self.temperatures(of: configuration)
        connection = Lakeshore372Connection(
            to: configuration.address,
            limit: configuration.timeout,
            settle: configuration.settle,
            time: time,
            chance: chance
        )
    }

    /// The one feed, `temperatures`.
    public var feeds: [Feed] { [temperatures] }

    /// The process `acquire` and the tasks that set something.
    public var operations: [AgentOperation] {
        let connection = connection
        return [
            .process("acquire", help: "reads the active channel once a period", acquire),
            .task("set_heater", help: "sets the range of a heater, 0 for off") {
                (session, setting: HeaterSetting) in try await connection.set(setting)
            },
            .task("set_still", help: "sets the output of the still heater") {
                (session, setting: StillSetting) in try await connection.set(setting)
            },
            .task("set_channel", help: "moves the scanner, with or without autoscan") {
                (session, setting: ScannerSetting) in try await connection.set(setting)
            },
            .task("set_excitation", help: "sets the excitation of a channel", needs: .engineer) {
                (session, setting: ExcitationSetting) in try await connection.set(setting)
            },
        ]
    }

    /// Reads and publishes until the session is stopped.
    func acquire(_ session: OperationSession) async throws {
        let watch = InstrumentWatch(session)
        defer { watch.end() }
        for await _ in session.ticks(every: configuration.period) {
            try await watch.pass {
                let reading = try await connection.read()
                try await session.publish(temperatures, block(of: reading, at: session.time.now))
            }
        }
        try await connection.close()
    }

    /// One row: everything but the active channel is missing.
    private func block(of reading: Lakeshore372Reading, at now: Timestamp) -> Block {
        var columns: [Column] = [.ints([Int64(reading.channel)]), .bools([reading.autoscan])]
        for channel in configuration.channels {
            let isActive = channel == reading.channel
            columns += [
                .doubles([isActive ? reading.kelvin : nil]),
                .doubles([isActive ? reading.ohm : nil]),
                .ints([isActive ? reading.status.map(Int64.init) : nil]),
            ]
        }
        return Block(timestamps: [now], columns: columns)
    }

    private static func temperatures(of configuration: Configuration) -> Feed {
        let scanner = [
            Field("active_channel", .int, description: "the channel that is measured"),
            Field("autoscan", .bool, description: "whether the scanner moves by itself"),
        ]
        let channels = configuration.channels.flatMap { channel in
            let name = "channel_" + (channel < 10 ? "0" : "") + "\(channel)"
            return [
                Field("\(name)_kelvin", unit: .kelvin),
                Field("\(name)_ohm", unit: .ohm),
                Field("\(name)_status", .int, description: "bits of RDGST?, 0 if valid"),
            ]
        }
        return Feed(
            "temperatures",
            fields: scanner + channels,
            period: configuration.period,
            description: "the active channel of the bridge; the others are missing"
        )
    }
}
