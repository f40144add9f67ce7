internal import Access
internal import AgentRuntime
internal import CKernel
internal import Foundation
internal import Log
internal import Logging
internal import MessageBus
internal import Registry
internal import SiteConfig
internal import Telemetry
internal import ZeroMQ

/// Makes one instance of a site and runs it in this process: bus, log, agent, host.
struct InstanceRunner {
    let site: Site
    /// Where the site file's text is taken from, if not from its own place.
    let copy: String?
    let classes: [AgentClass]
    let time: any TimeSource
    let logger: Logger

    init(
        site: Site,
        copy: String? = nil,
        classes: [AgentClass],
        time: any TimeSource = SystemTimeSource(),
        logger: Logger
    ) {
        self.site = site
        self.copy = copy
        self.classes = classes
        self.time = time
        self.logger = logger
    }

    /// Runs `instance` until a signal ends it.
    ///
    /// - Throws: `CommandFailure`, of ``ExitStatus/refused`` where another process holds it.
    func run(_ instance: String) async throws {
        try await run(parts(of: instance))
    }

    /// Runs the manager of `host` until a signal ends it.
    ///
    /// - Throws: as ``run(_:)-(String)``.
    func run(_ manager: HostManager, of host: SiteConfig.Host) async throws {
        var parts = parts(manager, host.manager, HostManager.className, of: host, with: site)
        parts.settings.start = [("supervise", [:])]
        try await run(parts)
    }

    private func run(_ parts: Parts) async throws {
        do { try await serve(parts) } catch let error as LogError {
            guard case .held = error else { throw CommandFailure(.failed, "\(error)") }
            throw CommandFailure(.refused, "\(error)")
        } catch let exit as AgentExit {
            switch exit {
            case .refused, .otherSite: throw CommandFailure(.refused, "\(exit)")
            case .cannotStart: throw CommandFailure(.failed, "\(exit)")
            }
        }
    }

    private func serve(_ parts: Parts) async throws {
        let instance = parts.settings.identity.instance
        let keys = try SiteKeys.instance(instance, of: site, time: time, logger: logger)
        OpenFiles.allowMany()
        let bus = try ZeroMQBus(keys: keys?.bus)
        let spool = "\(parts.spool.directory)/\(instance)"
        let ports = PortMemory(folder: spool)
        var settings = parts.settings
        settings.requests.prefer(ports.requests)
        settings.publisher.prefer(ports.publisher)
        settings.registry?.key = keys?.registry
        let environment = ProcessInfo.processInfo.environment
        settings.notifier = environment["NOTIFY_SOCKET"].flatMap(ServiceNotifier.init(socket:))
        let host = try AgentHost(
            parts.agent,
            settings: settings,
            spool: AgentHost.Spool(folder: spool, size: parts.spool.size, bootID: Self.bootID),
            bus: bus,
            access: keys?.access ?? .open,
            time: time,
            logger: logger
        )
        do {
            try await withThrowingTaskGroup(of: Bool.self) { tasks in
                tasks.addTask {
                    try await host.runUntilSignal()
                    return true
                }
                if let registry = parts.agent as? RegistryAgent {
                    tasks.addTask {
                        await follow(copy ?? site.file, registry)
                        return false
                    }
                }
                tasks.addTask {
                    guard let bound = await host.boundPorts() else { return false }
                    ports.remember(requests: bound.requests, publisher: bound.publisher)
                    return false
                }
                tasks.addTask {
                    // Of the pages that were needed to begin two thirds are not needed again.
                    try? await time.sleep(for: Limits.beginning)
                    if !Task.isCancelled { cerro_program_return() }
                    return false
                }
                while try await tasks.next() == false {}
                tasks.cancelAll()
            }
        } catch {
            await bus.reactor.shutdown()
            throw error
        }
        await bus.reactor.shutdown()
    }

    private struct Parts {
        let agent: any Agent
        let spool: SpoolSettings
        var settings: AgentHost.Settings
    }

    private func parts(of instance: String) throws -> Parts {
        if instance == RegistryAgent.instance { return registry() }
        if let host = site.host(managedBy: instance) {
            throw CommandFailure(
                .usage,
                "\(instance) is the manager of host \(host.name): `cerro host run --host "
                    + "\(host.name)` runs it"
            )
        }
        guard let (host, entry) = site.instance(instance) else {
            throw CommandFailure(
                .usage,
                "\(site.file) has no instance `\(instance)`; it has "
                    + site.hosts.flatMap(\.agents).map(\.id).joined(separator: ", ")
            )
        }
        guard let kind = classes.first(where: { $0.name == entry.className }) else {
            throw CommandFailure(
                .usage,
                "\(entry.place): there is no class `\(entry.className)`; there are "
                    + classes.map(\.name).joined(separator: ", ")
            )
        }
        let (agent, site, problems) = AgentClasses.make(
            kind,
            entry,
            on: host,
            of: site,
            time: time
        )
        guard problems.isEmpty else {
            throw CommandFailure(.usage, problems.map(\.description).joined(separator: "\n"))
        }
        var parts = parts(agent, instance, entry.className, of: host, with: site)
        parts.settings.start = entry.start.map { ($0.operation, $0.parameters) }
        return parts
    }

    private func parts(
        _ agent: any Agent,
        _ instance: String,
        _ className: String,
        of host: SiteConfig.Host,
        with site: Site
    ) -> Parts {
        Parts(
            agent: agent,
            spool: site.spool,
            settings: AgentHost.Settings(
                identity: identity(instance, className, host.name),
                requests: Binding(host: host.bind, ports: host.ports),
                publisher: Binding(host: host.bind, ports: host.ports),
                advertisedHost: host.address,
                registry: BusEndpoint(host: site.registry.address, port: site.registry.port)
            )
        )
    }

    /// The instances of a site as its registry takes them.
    private static func expected(_ site: Site) -> [InstanceRow] {
        site.hosts.flatMap { host in
            host.agents.map { entry in
                var row = InstanceRow(
                    instance: entry.id,
                    className: entry.className,
                    host: host.name
                )
                if entry.manage == .manual { row.state = .stopped }
                return row
            }
        }
    }

    /// Has the registry follow the site file until cancelled; one that is wrong changes nothing.
    private func follow(_ file: String, _ registry: RegistryAgent) async {
        var watch = FileWatch(file)
        while true {
            do { try await time.sleep(for: SiteConfig.Limits.watchPeriod) } catch { return }
            guard watch.look() else { continue }
            do {
                let environment = ProcessInfo.processInfo.environment
                let site = try Site.load(path: site.file, copy: file, environment: environment)
                registry.expect(Self.expected(site))
            } catch {
                logger.error(
                    "the site file is wrong, what it said before holds on",
                    metadata: ["reason": "\(error)"]
                )
            }
        }
    }

    private func registry() -> Parts {
        let expected = Self.expected(site)
        let spool = "\(site.spool.directory)/\(RegistryAgent.instance)"
        let agent = RegistryAgent(
            site: site.name,
            expected: expected,
            hasPredecessor: FileManager.default.fileExists(atPath: spool),
            time: time
        )
        let address = site.registry.address
        let port = site.registry.port
        let host = site.hosts.first { $0.address == address }
        return Parts(
            agent: agent,
            spool: site.spool,
            settings: AgentHost.Settings(
                identity: identity(RegistryAgent.instance, "Registry", host?.name ?? address),
                requests: Binding(host: host?.bind ?? address, ports: port...port),
                publisher: Binding(host: host?.bind ?? address, ports: host?.ports ?? 0...0),
                advertisedHost: address,
                registry: nil,
                start: [("watch", [:])]
            )
        )
    }

    private func identity(_ instance: String, _ name: String, _ host: String) -> AgentIdentity {
        AgentIdentity(
            instance: instance,
            className: name,
            host: host,
            pid: Int64(ProcessInfo.processInfo.processIdentifier),
            version: Version.current,
            siteHash: AgentClasses.hash(of: instance, at: site) ?? "",
            site: site.name
        )
    }

    /// What changes when the machine starts again.
    static var bootID: String {
        let path = "/proc/sys/kernel/random/boot_id"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? "unknown"
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

extension Binding {
    /// Tries the port of last time first, unless the site file has others by now.
    mutating func prefer(_ port: Int?) {
        guard let port, ports == 0...0 || ports.contains(port) else { return }
        preferred = port
    }
}

/// The ports of last time, so that whoever connected to them need not look them up again.
private struct PortMemory {
    private let path: String
    private(set) var requests: Int?
    private(set) var publisher: Int?

    init(folder: String) {
        path = folder + "/ports"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        let ports = text.split(separator: " ").compactMap { Int($0) }
        guard ports.count == 2 else { return }
        requests = ports[0]
        publisher = ports[1]
    }

    /// Only a convenience: a host that cannot write here says so elsewhere.
    func remember(requests: Int, publisher: Int) {
        try? "\(requests) \(publisher)".write(toFile: path, atomically: true, encoding: .utf8)
    }
}
