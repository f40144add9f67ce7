internal import AgentClient
internal import CKernel
internal import Foundation
internal import Log
internal import Reader
internal import SiteConfig
internal import Telemetry

extension DoctorFacts {
    /// What the site file at `path` says and what this machine is; nobody else is asked.
    static func here(
        path: String,
        host name: String?,
        environment: [String: String]
    ) -> DoctorFacts {
        var facts = DoctorFacts(
            version: Version.current,
            siteFile: path,
            machine: ProcessInfo.processInfo.hostName
        )
        let (site, problems) = ConfigCheckCommand.check(path: path, environment: environment)
        facts.site = site
        facts.problems = problems.map(\.description)
        facts.isClockSynchronised = [0: false, 1: true][cerro_clock_is_synchronised()]
        facts.openFiles = OpenFiles.most
        facts.addresses = Addresses.here()
        facts.listeners = Listeners.here()
        if let site { facts.look(at: site, host: name, environment: environment) }
        return facts
    }

    private mutating func look(
        at site: Site,
        host name: String?,
        environment: [String: String]
    ) {
        do throws(CommandFailure) {
            host = try HostChoice.host(named: name, of: site, machine: machine)
        } catch { hostProblem = error.message }
        let names = site.hosts.flatMap { [$0.address, $0.bind] } + [site.registry.address]
        for name in Set(names + site.reader.names + [site.reader.listen.host]) {
            resolved[name] = Addresses.behind(name)
        }
        if let host {
            let entries = host.agents.filter { $0.manage != .ignore }.map { entry in
                (entry, Overrides(of: entry, at: site))
            }
            notePorts(site, host, entries)
            noteFolders(site, entries)
            if entries.contains(where: { $0.0.className == "Reader" }) {
                missingAssets = MonitorPage.missingFiles
            }
        }
        noteKeys(site, environment)
    }

    /// What an instance has in the place of the site's own settings.
    private struct Overrides {
        var archive: ArchiveSettings, reader: ReaderSettings, spool: SpoolSettings

        init(of entry: AgentEntry, at site: Site) {
            var settings = SettingsReader(
                entry.arguments,
                owner: entry.owner,
                folder: site.folder
            )
            archive = .read(from: &settings, default: site.archive)
            reader = .read(from: &settings, default: site.reader)
            spool = .read(from: &settings, default: site.spool)
        }
    }

    private mutating func notePorts(
        _ site: Site,
        _ host: SiteConfig.Host,
        _ entries: [(AgentEntry, Overrides)]
    ) {
        if isRegistryHere {
            fixedPorts.append(
                FixedPort(
                    owner: "the registry",
                    setting: "registry: {port: …}",
                    address: host.bind,
                    port: site.registry.port
                )
            )
        }
        for (entry, overrides) in entries where entry.className == "Reader" {
            fixedPorts.append(
                FixedPort(
                    owner: "HTTP of \(entry.id)",
                    setting: "reader: {listen: …}",
                    address: overrides.reader.listen.host,
                    port: overrides.reader.listen.port
                )
            )
        }
    }

    private mutating func noteFolders(_ site: Site, _ entries: [(AgentEntry, Overrides)]) {
        var needs: [String: (Purpose, Int64)] = [:]
        for (entry, overrides) in entries {
            needs[overrides.spool.directory, default: (.spool, 0)].1 += Int64(overrides.spool.size)
            guard entry.className == "Aggregator" else { continue }
            needs[overrides.archive.directory] = (.archive, Int64(overrides.archive.reserve))
        }
        if isRegistryHere {
            needs[site.spool.directory, default: (.spool, 0)].1 += Int64(site.spool.size)
        }
        needs[LogFolder.path(of: site)] = (.logs, Int64(2 * Limits.logFileBytes))
        folders = needs.sorted { $0.key < $1.key }.map { path, need in
            Folder(looking: need.0, path: path, need: need.1)
        }
    }

    private mutating func noteKeys(_ site: Site, _ environment: [String: String]) {
        guard let folder = site.keys else { return }
        for name in instances {
            var key = Key(owner: name)
            key.isClosed = SiteKeys.isClosed(name, in: folder)
            key.problem = SiteKeys.problem(of: name, site)
            keys.append(key)
        }
        var key = Key(owner: PersonalKey.person(environment), isPersonal: true)
        key.problem = SiteKeys.problem(ofPerson: site, environment)
        keys.append(key)
    }
}

extension DoctorFacts.Folder {
    /// Looks at the folder, or at the nearest one above it that is there.
    init(looking purpose: DoctorFacts.Purpose, path: String, need: Int64) {
        self.init(purpose: purpose, path: path, need: need)
        var there = path
        while access(there, F_OK) != 0, errno == ENOENT, there != "/", !there.isEmpty {
            there = URL(filePath: there).deletingLastPathComponent().path
        }
        var status = stat()
        guard stat(there, &status) == 0 else {
            problem = "\(there): \(String(cString: strerror(errno)))"
            return
        }
        device = UInt64(status.st_dev)
        if access(there, W_OK | X_OK) != 0 {
            problem = "\(there): \(String(cString: strerror(errno)))"
        }
        let disk = SystemDisk()
        free = Int64((try? disk.freeBytes(in: there)) ?? 0)
        isRemote = (try? disk.isRemote(there)) ?? false
    }
}
