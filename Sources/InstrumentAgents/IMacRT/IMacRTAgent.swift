public import AgentRuntime
internal import NIOCore
public import SiteConfig
public import Telemetry

/// Publishes the thermometers (MMR3) and regulation loops (MGC3) of an iMACRT set, over UDP.
///
/// Modules answer one question at a time and want `pace` between two, so a pass takes 0.15 s for
/// each channel and 0.25 s for each loop; the two modules are read side by side, and one that is
/// silent does not hold up the other. Numbers are published as the module gives them, with its
/// status beside: what the codes mean is not known, so they decide nothing here.
///
/// - Process `acquire`: reads both modules once a period.
/// - Tasks `set_setpoint`, `set_loop`, `set_pid`: return once the MGC3 shows what they set.
public struct IMacRTAgent: Agent {
    /// How an instance is set up.
    public struct Configuration: Sendable {
        /// Where the modules are, by IPv4 address; nil where there is none.
        public var mmr3: Endpoint?, mgc3: Endpoint?
        /// The port that modules answer to; 0 takes any, which only emulators know.
        public var localPort: Int
        /// The channels, from 1 to 3, and loops, from 0 to 2, that are published.
        public var channels: [Int], loops: [Int]
        /// The time between two passes, at least ``shortestPeriod``.
        public var period: Duration
        /// What a reply may take, and what is left between two questions.
        public var timeout: Duration, pace: Duration

        /// A configuration; the defaults are those of the site file.
        public init(
            mmr3: Endpoint?,
            mgc3: Endpoint?,
            localPort: Int = 12_000,
            channels: [Int] = [1, 2, 3],
            loops: [Int] = [0, 1, 2],
            period: Duration = .seconds(1),
            timeout: Duration = .seconds(1),
            pace: Duration = .milliseconds(50)
        ) {
            self.mmr3 = mmr3
            self.mgc3 = mgc3
            self.localPort = localPort
            self.channels = channels
            self.loops = loops
            self.period = period
            self.timeout = timeout
            self.pace = pace
        }

        /// What one pass takes at least, since a module wants `pace` between questions.
        public var shortestPeriod: Duration {
            let questions = max(
                mmr3 == nil ? 0 : 3 * channels.count,
                mgc3 == nil ? 0 : 5 * loops.count
            )
            return max(.milliseconds(200), pace * questions)
        }
    }

    private let configuration: Configuration
    private let mmr3: IMacRTModule?, mgc3: IMacRTModule?

    /// Creates the agent of one set; `chance` spreads its retries.
    ///
    /// A module whose address is not an IPv4 address is left out; the settings refuse it.
    public init(
        _ configuration: Configuration,
        time: any TimeSource,
        chance: @escaping @Sendable () -> Double = { .random(in: 0...1) }
    ) {
        let named = [("MMR3", configuration.mmr3), ("MGC3", configuration.mgc3)]
        let places = named.compactMap { name, endpoint in
            endpoint.flatMap { try? IMacRTSocket.address(of: $0) }
                .map { (name: name, address: $0) }
        }
        let socket = IMacRTSocket(
            localPort: configuration.localPort,
            modules: places.map { ($0.address, String($0.name.prefix(3))) }
        )
        let modules = places.enumerated().map { place, module in
            IMacRTModule(
                module.name,
                at: "\(module.name) \(module.address.ipAddress ?? ""):"
                    + "\(module.address.port ?? 0)",
                place: place,
                socket: socket,
                limit: configuration.timeout,
                pace: configuration.pace,
                time: time,
                chance: chance
            )
        }
        self.configuration = configuration
        mmr3 = modules.first { $0.name == "MMR3" }
        mgc3 = modules.first { $0.name == "MGC3" }
    }

    /// The feeds `thermometers` and `regulation` of the modules that are there.
    public var feeds: [Feed] {
        (mmr3 == nil ? [] : [thermometers]) + (mgc3 == nil ? [] : [regulation])
    }

    /// The process `acquire`, and the tasks of the MGC3 if there is one.
    public var operations: [AgentOperation] {
        let acquire = AgentOperation.process(
            "acquire",
            help: "reads the modules once a period",
            acquire
        )
        guard let mgc3 else { return [acquire] }
        return [
            acquire,
            .task("set_setpoint", help: "sets the set point of a regulation loop") {
                (session, setting: SetPointSetting) in try await mgc3.set(setting)
            },
            .task("set_loop", help: "switches a regulation loop on or off") {
                (session, setting: LoopSetting) in try await mgc3.set(setting)
            },
            .task("set_pid", help: "sets the coefficients of a regulation loop", needs: .engineer) {
                (session, setting: PIDSetting) in try await mgc3.set(setting)
            },
        ]
    }

    /// Reads and publishes until the session is stopped.
    func acquire(_ session: OperationSession) async throws {
        let watch = InstrumentWatch(session)
        defer { watch.end() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let mmr3 {
                group.addTask { try await read(mmr3, "mmr3", thermometers, session, watch) }
            }
            if let mgc3 {
                group.addTask { try await read(mgc3, "mgc3", regulation, session, watch) }
            }
            try await group.waitForAll()
        }
    }

    private func read(
        _ module: IMacRTModule,
        _ subject: String,
        _ feed: Feed,
        _ session: OperationSession,
        _ watch: InstrumentWatch
    ) async throws {
        let indices =
            feed.name == "thermometers"
            ? configuration.channels.flatMap(IMacRTRegisters.thermometer)
            : configuration.loops.flatMap(IMacRTRegisters.regulation)
        for await tick in session.ticks(every: configuration.period) {
            try await watch.pass(over: subject) {
                let values = try await module.read(indices)
                let columns = zip(feed.fields, values).map { Self.column($0, $1) }
                try await session.publish(feed, Block(timestamps: [tick], columns: columns))
            }
        }
    }

    /// One value in the type of its field; a code that is no integer is missing.
    private static func column(_ field: Field, _ value: Double) -> Column {
        switch field.type {
        case .int: .ints([Int64(exactly: value)])
        case .bool: .bools([value == 0 || value == 1 ? value == 1 : nil])
        case .double, .string: .doubles([value])
        }
    }

    private var thermometers: Feed {
        let fields = configuration.channels.flatMap { channel in
            [
                Field("channel_\(channel)_ohm", unit: .ohm),
                Field("channel_\(channel)_kelvin", unit: .kelvin),
                Field("channel_\(channel)_status", .int, description: "as the module gives it"),
            ]
        }
        return Feed(
            "thermometers",
            fields: fields,
            period: configuration.period,
            description: "the channels of the MMR3, read one after the other"
        )
    }

    private var regulation: Feed {
        let fields = configuration.loops.flatMap { loop in
            [
                Field("loop_\(loop)_on", .bool, description: "whether it regulates"),
                Field("loop_\(loop)_setpoint_kelvin", unit: .kelvin),
                Field("loop_\(loop)_measured_kelvin", unit: .kelvin),
                Field("loop_\(loop)_power_watt", unit: .watt),
                Field("loop_\(loop)_status", .int, description: "as the module gives it"),
            ]
        }
        return Feed(
            "regulation",
            fields: fields,
            period: configuration.period,
            description: "the loops of the MGC3, read one after the other"
        )
    }
}
