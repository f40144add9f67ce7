public import Telemetry

/// A checked site: what the YAML file says, with every default filled in.
public struct Site: Sendable {
    /// The name of the observatory, by ``Name/rule``.
    public var name: String
    /// Where the registry listens.
    public var registry: RegistrySettings
    /// The folder of the keys; nil on loopback-only sites.
    public var keys: String?
    /// Where and how samples are kept.
    public var archive: ArchiveSettings
    /// How the archive is served.
    public var reader: ReaderSettings
    /// How an agent keeps what the archive does not have yet.
    public var spool: SpoolSettings
    /// The hosts, in the order of the file.
    public var hosts: [Host]
    /// The file that it was read from.
    public var file: String
    /// The folder that relative paths of the file start at, an absolute path.
    public var folder: String
    /// What is written about the registry, keys and spools, and in each section.
    var essence: String, essences: [Section: String]

    /// The id of the registry, which no entry of the file may have.
    public static let registryID = "registry"

    /// The host whose manager has that id, nil if there is none.
    public func host(managedBy id: String) -> Host? { hosts.first { $0.manager == id } }

    /// Whether the registry runs on `host`: the first whose address it has, else the first that
    /// binds to it, else the first on loopback where it is, too.
    public func hasRegistry(on host: Host) -> Bool {
        func isLoopback(_ address: String) -> Bool { Endpoint(host: address, port: 0).isLoopback }
        let home =
            hosts.first { Endpoint.sameAddress($0.address, registry.address) }
            ?? hosts.first { Endpoint.sameAddress($0.bind, registry.address) }
            ?? hosts.first { isLoopback($0.address) && isLoopback(registry.address) }
        return home?.name == host.name
    }

    /// The host and entry of the instance `id`, nil if the site has none.
    public func instance(_ id: String) -> (host: Host, entry: AgentEntry)? {
        for host in hosts {
            for entry in host.agents where entry.id == id { return (host, entry) }
        }
        return nil
    }
}

/// Where the registry listens.
public struct RegistrySettings: Hashable, Sendable {
    /// The address that everybody connects to.
    public var address: String
    /// The port of its requests; its announcements are on a port that it tells.
    public var port: Int

    /// Settings of a registry.
    public init(address: String, port: Int) {
        self.address = address
        self.port = port
    }
}

/// Where and how samples are kept.
public struct ArchiveSettings: Hashable, Sendable {
    /// The folder of the archive, an absolute path.
    public var directory: String
    /// The time after which a journal segment is closed and sealed.
    public var rotate: Duration
    /// The size after which a journal segment is closed and sealed, in bytes.
    public var maxSize: Int
    /// The bytes of its disk that are left free, beside those that sealing needs: below them
    /// fetching stops.
    public var reserve: Int
    /// Trees of `.g3` files that are read where they stand, absolute paths; where several archives
    /// hold one timeline at one time, the archive itself answers, then the first of them.
    public var g3: [String]
    /// Whether the files of a day become one when it is over.
    public var compactsDays: Bool
    /// What is removed from days that are compacted.
    public var retention: RetentionSettings

    /// Settings of an archive; sizes in bytes.
    public init(
        directory: String,
        rotate: Duration,
        maxSize: Int,
        reserve: Int = 1 << 30,
        g3: [String] = [],
        compactsDays: Bool = false,
        retention: RetentionSettings = RetentionSettings()
    ) {
        self.directory = directory
        self.rotate = rotate
        self.maxSize = maxSize
        self.reserve = reserve
        self.g3 = g3
        self.compactsDays = compactsDays
        self.retention = retention
    }
}

/// How the archive is served.
public struct ReaderSettings: Hashable, Sendable {
    /// The address and port of HTTP.
    public var listen: Endpoint
    /// The bytes that the reader may use for samples that were asked for.
    public var cache: Int
    /// Whether a proxy with TLS and tokens stands in front; without it or ``tls`` HTTP stays on
    /// loopback.
    public var isBehindProxy: Bool
    /// The files of the certificate; with them HTTP speaks TLS and asks everybody for a token.
    public var tls: TLSFiles?
    /// Names by which browsers call the reader, beside its addresses.
    public var names: [String]

    /// Settings of a reader; the cache in bytes.
    public init(
        listen: Endpoint,
        cache: Int,
        isBehindProxy: Bool = false,
        tls: TLSFiles? = nil,
        names: [String] = []
    ) {
        self.listen = listen
        self.cache = cache
        self.isBehindProxy = isBehindProxy
        self.tls = tls
        self.names = names
    }
}

/// Where a certificate and its key are, as absolute paths of PEM files.
public struct TLSFiles: Hashable, Sendable {
    /// The certificate, followed by those that vouch for it.
    public var certificate: String
    /// The private key.
    public var key: String

    /// Files of a certificate.
    public init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }
}

/// How an agent keeps what the archive does not have yet.
public struct SpoolSettings: Hashable, Sendable {
    /// The folder with one folder an instance, an absolute path.
    public var directory: String
    /// The bytes that one instance may use.
    public var size: Int

    /// Settings of a spool; the size in bytes.
    public init(directory: String, size: Int) {
        self.directory = directory
        self.size = size
    }
}

/// A host and port.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// A name or an IPv4 or IPv6 address, without brackets.
    public var host: String
    /// 0 to 65,535; 0 takes any free port.
    public var port: Int

    /// An endpoint.
    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// `host:port`, with brackets around an IPv6 address.
    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// Whether the host is this machine by its loopback address.
    ///
    /// Names but `localhost` are none: who answers to `127.example.org` is for others to say.
    public var isLoopback: Bool {
        host == "localhost" || host == "::1"
            || host.hasPrefix("127.") && host.utf8.allSatisfy { $0 == 0x2E || 0x30...0x39 ~= $0 }
    }
}

/// One computer of the site.
public struct Host: Sendable {
    /// The name in the file.
    public var name: String
    /// The address that others connect to.
    public var address: String
    /// The address that sockets bind to; the same unless the file says otherwise.
    public var bind: String
    /// Where the agents of this host find their ports.
    public var ports: ClosedRange<Int>
    /// The instances of this host, in the order of the file.
    public var agents: [AgentEntry]
    /// What is written about the host itself.
    var essence: String

    /// The instance id of the host's manager.
    public var manager: String { "host-" + name }
}

/// One configured instance.
public struct AgentEntry: Sendable {
    /// The agent class, such as `Lakeshore372`.
    public var className: String
    /// The instance id, unique at the site.
    public var id: String
    /// The operations that start with the agent, each with its parameters.
    public var start: [StartEntry]
    /// What the manager of the host does with it.
    public var manage: Management
    /// The settings of the class, each with its place in the file.
    public var arguments: Setting
    /// Where the entry begins.
    public var place: Place
    /// Whose settings these are, for messages; an id that is no name is not kept.
    public var owner: String { id.isEmpty ? "an agent" : "agent \(id)" }
    /// What is written about the instance itself.
    var essence: String
    /// Where the class and the id stand.
    var classPlace: Place, idPlace: Place
}

/// What the manager of a host does with an instance.
public enum Management: String, CaseIterable, Sendable {
    /// Starts it, and starts it again when it ends.
    case keep
    /// Knows it, and leaves it stopped until somebody asks.
    case manual
    /// Leaves it to somebody else.
    case ignore
}

/// An operation that starts with its agent.
public struct StartEntry: Sendable {
    /// The operation and its parameters.
    public var operation: String, parameters: [String: Value]
    /// Where it stands.
    public var place: Place
}

/// A place in a file; lines and columns count from 1.
public struct Place: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The file's name as the user gave it.
    public var file: String
    /// The line and column, from 1.
    public var line: Int, column: Int

    /// A place.
    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// `file:line:column`.
    public var description: String { "\(file):\(line):\(column)" }

    /// The order of the file.
    public static func < (left: Place, right: Place) -> Bool {
        (left.file, left.line, left.column) < (right.file, right.line, right.column)
    }
}

/// One thing that is wrong in a site file: where, what was found and expected, what to do.
public struct SiteProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where it stands.
    public var place: Place
    /// What was found, what is expected, why, and what to write.
    public var message: String

    /// A problem.
    public init(_ place: Place, _ message: String) {
        self.place = place
        self.message = message
    }

    /// `file:line:column: error: message`.
    public var description: String { "\(place): error: \(message)" }
}
