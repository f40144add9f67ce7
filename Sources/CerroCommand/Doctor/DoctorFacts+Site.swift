internal import AgentClient
internal import MessageBus
internal import SiteConfig
internal import Telemetry
internal import ZeroMQ

extension DoctorFacts {
    /// Asks the registry, and shakes hands with everybody that it knows.
    mutating func ask(time: any TimeSource) async {
        guard let site else { return }
        let connection: (client: SiteClient, bus: any Bus)
        do throws(CommandFailure) {
            connection = try Self.connect(
                site,
                orAs: keys.first { $0.problem == nil && !$0.isPersonal }?.owner
            )
        } catch {
            registryProblem = error.message
            return
        }
        let (client, bus) = connection
        do {
            let rows = try await client.instances(timeout: Limits.doctorRequest)
            var registry = Registry(rows: rows)
            await registry.measure(by: client, time)
            self.registry = registry
            handshakes = await Handshakes(bus: bus, time: time).all(Self.sockets(of: rows))
        } catch {
            registryProblem = "\(SiteConnection.failure(error, site))"
        }
        await client.close()
        await bus.reactor.shutdown()
    }

    /// As whoever runs this program, or as an instance of this host: it may ask as well.
    private static func connect(
        _ site: Site,
        orAs instance: String?
    ) throws(CommandFailure) -> (client: SiteClient, bus: any Bus) {
        do throws(CommandFailure) { return try SiteConnection.open(site) } catch {
            guard let instance else { throw error }
            return try SiteConnection.open(site, as: instance)
        }
    }

    /// Both sockets of everybody who should be there.
    static func sockets(of rows: [InstanceRow]) -> [Handshakes.Socket] {
        rows.filter { $0.state == .alive || $0.state == .silent }.flatMap { row in
            [
                row.requestsEndpoint.map {
                    Handshakes.Socket(row: row, endpoint: $0, kind: .requests)
                },
                row.publisherEndpoint.map {
                    Handshakes.Socket(row: row, endpoint: $0, kind: .publisher)
                },
            ].compactMap(\.self)
        }
    }
}

extension DoctorFacts.Registry {
    /// The offset of the registry's clock, by the quickest of a few answers.
    ///
    /// It is off by half of that round trip at most. Source: D. L. Mills et al., RFC 5905,
    /// section 8.
    fileprivate mutating func measure(by client: SiteClient, _ time: any TimeSource) async {
        for _ in 0..<Limits.doctorClocks {
            let (start, began) = (time.now, time.monotonic)
            guard
                let reply = try? await client.request(
                    Site.registryID,
                    Action.status,
                    timeout: Limits.doctorRequest
                )
            else { return }
            let took = time.monotonic - began
            guard clockOffset == nil || took < roundTrip else { continue }
            roundTrip = took
            clockOffset = reply.clock - (start + took / 2)
        }
    }
}
