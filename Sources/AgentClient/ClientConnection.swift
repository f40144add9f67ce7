public import Access
internal import Logging
public import MessageBus
public import SiteConfig
public import Telemetry
internal import ZeroMQ

/// A client of a site, and the sockets that it uses.
///
/// ```swift
/// let site = try Site.load(path: "/etc/cerro/site.yaml", environment: environment)
/// let connection = try ClientConnection(to: site, environment: environment)
/// let rows = try await connection.client.instances()
/// await connection.close()
/// ```
public struct ClientConnection: Sendable {
    /// Asks the site; it connects with its first request.
    public let client: SiteClient
    /// Carries what the client asks.
    public let bus: any Bus

    /// Opens sockets for a client of `site`, which connects with its first request.
    ///
    /// It speaks as `instance`, whose secret key is in the site's folder of keys then, or as the
    /// person who runs the program; see ``PersonalKey``. A site on loopback needs no keys.
    ///
    /// - Throws: ``ClientConnectionError``.
    public init(
        to site: Site,
        as instance: String? = nil,
        environment: [String: String],
        time: any TimeSource = SystemTimeSource()
    ) throws(ClientConnectionError) {
        let logger = Logger(label: "cerro") { _ in SwiftLogNoOpLogHandler() }
        var keys: BusKeys?
        var registryKey: PublicKey?
        if let path = site.keys {
            let folder = KeyFolder(path)
            do throws(AccessError) {
                let own =
                    if let instance { try folder.pair(of: instance) } else {
                        try PersonalKey.pair(in: folder, environment)
                    }
                keys = BusKeys(own: own, logger: logger, time: time) { _ in false }
                registryKey = try folder.registryKey()
            } catch { throw .keys(error) }
        }
        guard
            let registry = BusEndpoint(
                host: site.registry.address,
                port: site.registry.port,
                key: registryKey
            )
        else { throw .address(site.registry, file: site.file) }
        let sockets: ZeroMQBus
        do { sockets = try ZeroMQBus(keys: keys) } catch { throw .sockets("\(error)") }
        bus = sockets
        client = SiteClient(
            bus: sockets,
            registry: registry,
            site: site.name,
            time: time,
            logger: logger,
            asker: instance == nil ? Asker(name: PersonalKey.person(environment)) : nil
        )
    }

    /// Ends all connections.
    public func close() async {
        await client.close()
        await bus.reactor.shutdown()
    }
}

/// Why there is no client of a site.
public enum ClientConnectionError: Error, Sendable, CustomStringConvertible {
    /// There is no key to speak with, or the registry's is not known.
    case keys(AccessError)
    /// The site file gives the registry an address that is none.
    case address(RegistrySettings, file: String)
    /// The system gives no sockets.
    case sockets(String)

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .keys(let error): "\(error)"
        case .address(let registry, let file):
            "\(file): the registry's address \(registry.address):\(registry.port) is none"
        case .sockets(let reason): "no sockets can be opened: \(reason)"
        }
    }
}
