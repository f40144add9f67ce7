public import AgentRuntime
public import Telemetry

/// Publishes how the host itself fares: load, memory, disks, network, temperatures.
///
/// Which disks, interfaces and sensors there are is looked up once, when the agent is made, since
/// feeds are declared for its lifetime. What disappears later is missing, and what appears later
/// is published after a restart. Only local file systems are looked at: others may hang.
///
/// - Process `acquire`: reads everything once a period; it takes about a millisecond.
public struct HostMetricsAgent: Agent {
    private let files: HostFiles
    private let period: Duration
    private let samplers: [Sampler]

    /// One feed, and how its row is read.
    private struct Sampler: Sendable {
        let feed: Feed
        let read: @Sendable (_ before: ProcessorTimes?, _ now: ProcessorTimes?) -> [Column]
    }

    /// Creates the agent of one host; `root` stands before `/proc` and `/sys`.
    public init(root: String = "/", period: Duration = .seconds(5)) {
        let files = HostFiles(root: root)
        let layout = HostLayout(files)
        self.files = files
        self.period = period
        samplers = [
            Self.load(files, period), Self.memory(files, period),
            Self.disks(files, layout, period), Self.network(files, layout, period),
            Self.temperatures(files, layout, period),
        ].compactMap(\.self)
    }

    /// `load`, `memory`, `disks`, `network` and `temperatures`, as far as the host has them.
    public var feeds: [Feed] { samplers.map(\.feed) }

    /// The process `acquire`.
    public var operations: [AgentOperation] {
        [.process("acquire", help: "reads everything once a period", acquire)]
    }

    /// Reads and publishes until the session is stopped.
    func acquire(_ session: OperationSession) async throws {
        if samplers.isEmpty { session.markDegraded(because: NothingToRead(root: files.root)) }
        var before: ProcessorTimes?
        for await tick in session.ticks(every: period) {
            let now = ProcessorTimes(files)
            for sampler in samplers {
                let columns = sampler.read(before, now)
                try await session.publish(
                    sampler.feed,
                    Block(timestamps: [tick], columns: columns)
                )
            }
            before = now
        }
    }

    private static func load(_ files: HostFiles, _ period: Duration) -> Sampler? {
        guard files.text("/proc/loadavg") != nil else { return nil }
        let feed = Feed(
            "load",
            fields: [
                Field("load_1", description: "runnable threads, mean of 1 minute"),
                Field("load_5", description: "runnable threads, mean of 5 minutes"),
                Field("load_15", description: "runnable threads, mean of 15 minutes"),
                Field("processes", .int, description: "processes that there are"),
                Field("busy", unit: .percent, description: "processor time since the last row"),
                Field("uptime", unit: .second, description: "time since the machine started"),
            ],
            period: period,
            description: "what the processors do"
        )
        return Sampler(feed: feed) { before, now in
            let loads = (files.text("/proc/loadavg") ?? "").split(separator: " ")
                .prefix(3).map { Text.number($0) }
            let numbers = (0..<3).map { $0 < loads.count ? loads[$0] : nil }
            let processes = files.names(in: "/proc").count { Int($0) != nil }
            let uptime = files.text("/proc/uptime")?.split(separator: " ").first
                .flatMap { Text.number($0) }
            let busy = before.flatMap { before in now?.busy(since: before) }
            return numbers.map { .doubles([$0]) } + [
                .ints([processes > 0 ? Int64(processes) : nil]), .doubles([busy]),
                .doubles([uptime]),
            ]
        }
    }

    private static func memory(_ files: HostFiles, _ period: Duration) -> Sampler? {
        let keys = [
            ("total", "MemTotal"), ("available", "MemAvailable"), ("swap_total", "SwapTotal"),
            ("swap_free", "SwapFree"),
        ]
        guard Memory.read(files)["MemTotal"] != nil else { return nil }
        let feed = Feed(
            "memory",
            fields: keys.map { Field($0.0, .int, unit: .byte) },
            period: period,
            description: "the machine's memory"
        )
        return Sampler(feed: feed) { _, _ in
            let numbers = Memory.read(files)
            return keys.map { .ints([numbers[$0.1]]) }
        }
    }

    private static func disks(
        _ files: HostFiles,
        _ layout: HostLayout,
        _ period: Duration
    ) -> Sampler? {
        guard !layout.disks.isEmpty else { return nil }
        let fields = layout.disks.flatMap { disk in
            [
                Field("\(disk.name)_total", .int, unit: .byte, description: disk.folder),
                Field("\(disk.name)_free", .int, unit: .byte, description: disk.folder),
            ]
                + (disk.device.map { device in
                    [
                        Field("\(disk.name)_read", .int, unit: .byte, description: device),
                        Field("\(disk.name)_written", .int, unit: .byte, description: device),
                    ]
                } ?? [])
        }
        let feed = Feed(
            "disks",
            fields: fields,
            period: period,
            description: "local file systems; read and written count since the machine started"
        )
        return Sampler(feed: feed) { _, _ in
            let counters = DiskCounters.read(files)
            // A folder whose file system is gone still has the space of the one around it.
            let mounted = Set(
                files.lines("/proc/self/mounts").compactMap { line in
                    line.split(separator: " ").dropFirst().first.map(HostLayout.unescaped)
                }
            )
            return layout.disks.flatMap { disk -> [Column] in
                let space = mounted.contains(disk.folder) ? files.space(at: disk.folder) : nil
                let columns: [Column] = [.ints([space?.total]), .ints([space?.free])]
                guard let device = disk.device else { return columns }
                let counter = counters[device]
                return columns + [.ints([counter?.read]), .ints([counter?.written])]
            }
        }
    }

    private static func network(
        _ files: HostFiles,
        _ layout: HostLayout,
        _ period: Duration
    ) -> Sampler? {
        guard !layout.interfaces.isEmpty else { return nil }
        let fields = layout.interfaces.flatMap { interface in
            [
                Field("\(interface.name)_received", .int, unit: .byte),
                Field("\(interface.name)_sent", .int, unit: .byte),
                Field("\(interface.name)_errors", .int, description: "packets lost or damaged"),
            ]
        }
        let feed = Feed(
            "network",
            fields: fields,
            period: period,
            description: "interfaces but the loopback; all count since the machine started"
        )
        return Sampler(feed: feed) { _, _ in
            let counters = NetworkCounters.read(files)
            return layout.interfaces.flatMap { interface -> [Column] in
                let counter = counters[interface.device]
                return [
                    .ints([counter?.received]), .ints([counter?.sent]), .ints([counter?.errors]),
                ]
            }
        }
    }

    private static func temperatures(
        _ files: HostFiles,
        _ layout: HostLayout,
        _ period: Duration
    ) -> Sampler? {
        guard !layout.sensors.isEmpty else { return nil }
        let fields = layout.sensors.map {
            Field($0.name, unit: .celsius, description: $0.path)
        }
        let feed = Feed(
            "temperatures",
            fields: fields,
            period: period,
            description: "the host's own sensors"
        )
        return Sampler(feed: feed) { _, _ in
            layout.sensors.map { .doubles([files.integer($0.path).map { Double($0) / 1000 }]) }
        }
    }
}

/// A host that tells nothing about itself.
private struct NothingToRead: Error, CustomStringConvertible {
    let root: String

    var description: String {
        "there is nothing to read below \(root)/proc and \(root)/sys; check `root` in the site file"
    }
}
