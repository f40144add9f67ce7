internal import AgentClient
internal import MessageBus
internal import Reader
internal import SiteConfig
internal import Telemetry
internal import ZeroMQ

/// A site that is connected to when somebody first asks, and stays connected.
actor ConnectedSite: LiveSite {
    private let site: Site
    private let instance: String
    private var connection: (client: SiteClient, bus: any Bus)?

    /// A site as `instance` sees it, by whose key it connects.
    init(_ site: Site, as instance: String) {
        self.site = site
        self.instance = instance
    }

    private func client() throws -> SiteClient {
        if let connection { return connection.client }
        let opened = try SiteConnection.open(site, as: instance)
        connection = opened
        return opened.client
    }

    func table() async throws -> [InstanceRow] { try await client().table() }

    func reply(
        of instance: String,
        to action: String,
        _ arguments: Value,
        for asker: Asker?
    ) async throws -> Reply {
        try await client().reply(of: instance, to: action, arguments, for: asker)
    }

    func messages() async -> AsyncStream<LiveMessage> {
        guard let client = try? client() else { return AsyncStream { $0.finish() } }
        return await client.messages()
    }

    func close() async {
        guard let (client, bus) = connection else { return }
        connection = nil
        await client.close()
        await bus.reactor.shutdown()
    }
}
