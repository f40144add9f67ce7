internal import AgentRuntime
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import SiteConfig
internal import Telemetry

/// Why the reader does not serve.
public enum ReaderError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The address is not this machine's loopback.
    case notLoopback(String)
    /// The address cannot be listened on.
    case listen(String, reason: String)

    /// What is refused, why, and what to do.
    public var description: String {
        switch self {
        case .notLoopback(let address):
            "\(address) is off loopback, and HTTP has neither TLS nor tokens there: listen on "
                + "127.0.0.1, or put a proxy with both in front and write `behind-proxy: true`"
        case .listen(let address, let reason):
            "cannot listen on \(address): \(reason); "
                + "give `listen` of the reader another port, or 0 for any that is free"
        }
    }
}

/// HTTP of the reader; its end is its shutdown.
struct ReaderServer: Sendable {
    let routes: ReaderRoutes
    let listen: Endpoint

    /// Serves until the task is cancelled; `onReady` gets the address with its real port.
    ///
    /// - Throws: ``ReaderError``.
    func run(onReady: @escaping @Sendable (Endpoint) -> Void) async throws {
        guard listen.isLoopback || routes.isBehindProxy else {
            throw ReaderError.notLoopback("\(listen)")
        }
        var logger = Logger(label: "reader.http")
        logger.logLevel = .warning
        let roll = routes.roll
        let application = Application(
            router: routes.router(),
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [ConnectionWatch(roll)],
                    idleTimeout: .seconds(ReaderLimits.idleSeconds),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: ReaderLimits.headerBytes,
                        maxHeaderListSize: ReaderLimits.headerBytes,
                        maxHeaderFieldCount: ReaderLimits.headers
                    )
                )
            ),
            configuration: ApplicationConfiguration(
                address: .hostname(listen.host, port: listen.port),
                availableConnectionsDelegate: MaximumAvailableConnections(
                    ReaderLimits.connections,
                    logger: logger
                )
            ),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? listen.port
                onReady(Endpoint(host: listen.host, port: port))
            },
            logger: logger
        )
        do {
            try await runUntilCancelled(
                application,
                patience: ReaderLimits.shutdownTime,
                logger: logger
            )
        } catch {
            if Task.isCancelled { return }
            throw ReaderError.listen("\(listen)", reason: "\(error)")
        }
    }
}
