import CerroTesting
import Logging
import MessageBus
import Telemetry
import Testing

/// An instance that echoes, counts, and holds answers back.
actor RequestHost {
    nonisolated let bus: any Bus
    private let time: ManualTimeSource
    private let logger: Logger
    private var server: RequestServer?
    private var count: Int64 = 0
    private var held: [RequestServer.Call] = []
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(bus: any Bus, time: ManualTimeSource, logger: Logger) {
        self.bus = bus
        self.time = time
        self.logger = logger
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        bus.reactor.asUnownedSerialExecutor()
    }

    func open() throws -> BusEndpoint {
        let ledger = RequestLedger(
            target: "host",
            epoch: 7,
            withoutEffect: ["echo"],
            timeSource: time
        )
        let server = try RequestServer(
            bus: bus,
            binding: Binding(host: "127.0.0.1"),
            ledger: ledger,
            timeSource: time,
            logger: logger
        ) { call in self.assumeIsolated { $0.perform(call) } }
        self.server = server
        return try #require(server.endpoint)
    }

    func close() { server?.close() }

    /// Who asked for what is held.
    var peers: [Peer] { held.map(\.peer) }

    func untilHeld(_ count: Int = 1) async {
        while held.count < count { await withCheckedContinuation { waiting.append($0) } }
    }

    func untilDropped() async {
        while server?.drops.total == 0 { await Task.yield() }
    }

    func release() {
        for call in held { server?.answer(call) }
        held = []
    }

    private func perform(_ call: RequestServer.Call) {
        switch call.request.action {
        case "echo": server?.answer(call, result: call.request.arguments)
        case "count":
            count += 1
            server?.answer(call, result: .int(count))
        default:
            held.append(call)
            for continuation in waiting { continuation.resume() }
            waiting = []
        }
    }
}
