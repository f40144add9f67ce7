internal import MessageBus
internal import Telemetry
internal import ZeroMQ

/// Connects to sockets of a site, many at once, and tells which of them let it in.
actor Handshakes {
    /// A socket of the site.
    struct Socket: Sendable {
        /// Which of an instance's two.
        enum Kind: Sendable { case requests, publisher }

        var row: InstanceRow, endpoint: BusEndpoint, kind: Kind
    }

    private let bus: any Bus
    private let time: any TimeSource

    /// The reactor of the bus.
    nonisolated var unownedExecutor: UnownedSerialExecutor {
        bus.reactor.asUnownedSerialExecutor()
    }

    init(bus: any Bus, time: any TimeSource) {
        self.bus = bus
        self.time = time
    }

    /// What became of each, in their order; ``Limits/doctorHandshakes`` are under way at once.
    func all(_ sockets: [Socket]) async -> [DoctorFacts.Handshake] {
        var done: [DoctorFacts.Handshake?] = Array(repeating: nil, count: sockets.count)
        await withTaskGroup(of: (Int, DoctorFacts.Handshake).self) { group in
            for (index, socket) in sockets.enumerated() {
                if index >= Limits.doctorHandshakes, let (index, ended) = await group.next() {
                    done[index] = ended
                }
                group.addTask { (index, await self.handshake(with: socket)) }
            }
            for await (index, ended) in group { done[index] = ended }
        }
        return done.compactMap(\.self)
    }

    private func handshake(with socket: Socket) async -> DoctorFacts.Handshake {
        DoctorFacts.Handshake(
            instance: socket.row.instance,
            host: socket.row.host,
            endpoint: socket.endpoint.description,
            problem: await problem(of: socket)
        )
    }

    /// Why there is no connection within ``Limits/doctorRequest``; nil where there is.
    private func problem(of socket: Socket) async -> String? {
        let (states, sink) = AsyncStream.makeStream(
            of: ConnectionState.self,
            bufferingPolicy: .bufferingNewest(16)
        )
        let close: () -> Void
        do {
            switch socket.kind {
            case .requests:
                let connection = try bus.connect(
                    to: socket.endpoint,
                    onReply: { _ in },
                    onState: { sink.yield($0) }
                )
                close = connection.close
            case .publisher:
                let connection = try bus.subscribe(
                    to: socket.endpoint,
                    topics: [],
                    onMessage: { _, _ in },
                    onState: { sink.yield($0) }
                )
                close = connection.close
            }
        } catch { return "\(error)" }
        defer { close() }
        return await withTaskGroup(of: Void.self) { [time] group in
            group.addTask {
                try? await time.sleep(for: Limits.doctorRequest)
                sink.finish()
            }
            var reason = "nobody answers within \(HumanText.duration(Limits.doctorRequest))"
            for await state in states {
                switch state {
                case .connected:
                    group.cancelAll()
                    return nil
                case .disconnected(let why): reason = why
                }
            }
            return reason
        }
    }
}
