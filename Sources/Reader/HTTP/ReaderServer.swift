internal import Access
internal import AgentRuntime
internal import Hummingbird
internal import HummingbirdCore
internal import HummingbirdTLS
internal import Logging
internal import SiteConfig
internal import Telemetry

/// Why the reader does not serve.
public enum ReaderError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The address is not this machine's loopback.
    case notLoopback(String)
    /// A file of the certificate cannot be used.
    case certificate(String, reason: String)
    /// There is TLS, and nobody could show a token.
    case noTokens(String)
    /// The address cannot be listened on.
    case listen(String, reason: String)

    /// What is refused, why, and what to do.
    public var description: String {
        switch self {
        case .notLoopback(let address):
            "\(address) is off loopback, and HTTP has neither TLS nor tokens there: listen on "
                + "127.0.0.1; or write `tls: {certificate: FILE, key: FILE}` and make tokens by "
                + "`cerro token new`; or put a proxy with both in front and write "
                + "`behind-proxy: true`"
        case .certificate(let file, let reason):
            "\(file) is of no use for `tls` of the reader: \(reason)"
        case .noTokens(let address):
            "\(address) has TLS, and the site has no `keys`, beside which tokens are kept: write "
                + "`keys: keys/`, then `cerro keys init` and `cerro token new NAME`"
        case .listen(let address, let reason):
            "cannot listen on \(address): \(reason); "
                + "give `listen` of the reader another port, or 0 for any that is free"
        }
    }
}

/// HTTP of the reader; its end is its shutdown.
struct ReaderServer: Sendable {
    let routes: ReaderRoutes
    let settings: ReaderSettings

    /// Serves until the task is cancelled; `onReady` gets the address with its real port.
    ///
    /// - Throws: ``ReaderError``.
    func run(onReady: @escaping @Sendable (Endpoint) -> Void) async throws {
        let listen = settings.listen
        guard listen.isLoopback || settings.isBehindProxy || settings.tls != nil else {
            throw ReaderError.notLoopback("\(listen)")
        }
        guard settings.tls == nil || !routes.entrance.access.table.isOpen else {
            throw ReaderError.noTokens("\(listen)")
        }
        var logger = Logger(label: "reader.http")
        logger.logLevel = .warning
        let application = Application(
            router: routes.router(),
            server: try server(logger),
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

    /// HTTP, in TLS where there is a certificate.
    private func server(_ logger: Logger) throws -> HTTPServerBuilder {
        let plain = HTTPServerBuilder.http1(
            configuration: .init(
                additionalChannelHandlers: [ConnectionWatch(routes.roll)],
                idleTimeout: .seconds(ReaderLimits.idleSeconds),
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: ReaderLimits.headerBytes,
                    maxHeaderListSize: ReaderLimits.headerBytes,
                    maxHeaderFieldCount: ReaderLimits.headers
                )
            )
        )
        guard let files = settings.tls else { return plain }
        let certificate = CertificateRenewal(of: files, logger: logger)
        return try .tls(plain, tlsConfiguration: certificate.configuration())
    }
}
