public import AgentClient
public import MessageBus
public import Telemetry

/// The site as it is now, for those who ask over HTTP: who lives, what they publish and do.
///
/// ``SiteClient`` is one; its site is the real one.
public protocol LiveSite: Sendable {
    /// The registry's table, by instance.
    ///
    /// - Throws: why it is not known.
    func table() async throws -> [InstanceRow]

    /// Sends one request to an instance for somebody and returns its reply, whatever its code.
    ///
    /// - Throws: why there is none.
    func reply(
        of instance: String,
        to action: String,
        _ arguments: Value,
        for asker: Asker?
    ) async throws -> Reply

    /// Everything that is published from now on; some of it may be missed.
    func messages() async -> AsyncStream<LiveMessage>

    /// Closes its connections.
    func close() async
}

extension SiteClient: LiveSite {
    /// The registry's table, by instance.
    ///
    /// - Throws: ``ClientError``.
    public func table() async throws -> [InstanceRow] {
        try await instances(timeout: ReaderLimits.siteTime)
    }

    /// Sends one request to an instance and returns its reply, whatever its code.
    ///
    /// - Throws: ``ClientError``.
    public func reply(
        of instance: String,
        to action: String,
        _ arguments: Value,
        for asker: Asker?
    ) async throws -> Reply {
        try await request(
            instance,
            action,
            arguments,
            for: asker,
            timeout: ReaderLimits.siteTime
        )
    }

    /// Everything that is published from now on; some of it may be missed.
    public func messages() async -> AsyncStream<LiveMessage> { listen(to: [""]) }
}
