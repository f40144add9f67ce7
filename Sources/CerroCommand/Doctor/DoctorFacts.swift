internal import SiteConfig
internal import Telemetry

/// What is known of this machine and of the site that it belongs to.
///
/// Nil is what could not be found out, or what nobody could be asked.
struct DoctorFacts: Sendable {
    /// What this program calls itself.
    var version: String
    /// The path of the site file, and what is wrong with it.
    var siteFile: String, problems: [String] = []
    /// The site; nil where its file is wrong.
    var site: Site?
    /// What this machine is called.
    var machine: String
    /// Which host of the site it is; nil where that cannot be told, for the reason beside.
    var host: Host?, hostProblem = ""
    /// The addresses of this machine's interfaces.
    var addresses: Set<String> = []
    /// The addresses behind each name of the site file; empty where there are none.
    var resolved: [String: Set<String>] = [:]
    /// Who listens on this machine.
    var listeners: [Listener] = []
    /// The ports that the site wants for itself on this host.
    var fixedPorts: [FixedPort] = []
    /// The keys of the instances of this host, and of whoever runs this program.
    var keys: [Key] = []
    /// Whether the kernel's clock is kept right by something; nil where it does not tell.
    var isClockSynchronised: Bool?
    /// Where samples and logs go on this host.
    var folders: [Folder] = []
    /// How many files a process here may open at most.
    var openFiles = 0
    /// Files that the reader of this host serves and that are not there; nil without a reader.
    var missingAssets: [String]?
    /// What the registry says; nil where it does not.
    var registry: Registry?, registryProblem = ""
    /// What became of a handshake with each socket of the site.
    var handshakes: [Handshake] = []

    /// A socket that listens.
    struct Listener: Hashable, Sendable {
        /// Where; `0.0.0.0` and `::` are all addresses.
        var address: String, port: Int
        /// Whose it is; nil where only its owner and root may know.
        var holder: Process?
    }

    /// A process of this machine.
    struct Process: Hashable, Sendable {
        /// Its number.
        var pid: Int64
        /// What it was started as.
        var command: [String]
    }

    /// A port that somebody of this host has to get.
    struct FixedPort: Hashable, Sendable {
        /// Who wants it, and the setting that says so.
        var owner: String, setting: String
        /// Where.
        var address: String, port: Int
    }

    /// A key that has to be here.
    struct Key: Hashable, Sendable {
        /// Whose.
        var owner: String
        /// Why it is of no use; nil where it is.
        var problem: String?
        /// Whether only its owner can look, who is somebody else.
        var isClosed = false
        /// Whether it is that of whoever runs this program, which instances do not need.
        var isPersonal = false
    }

    /// A folder that is written to.
    struct Folder: Hashable, Sendable {
        /// What is in it.
        var purpose: Purpose
        /// Where it is, or will be.
        var path: String
        /// Its disk, as a number that means nothing elsewhere.
        var device: UInt64 = 0
        /// Bytes that are free there.
        var free: Int64 = 0
        /// Bytes that it may come to need, or that have to stay free.
        var need: Int64 = 0
        /// Whether the disk is in another machine.
        var isRemote = false
        /// Why nothing can be written there; nil where it can.
        var problem: String?
    }

    /// What a folder is for.
    enum Purpose: String, Hashable, Sendable {
        case archive, spool, logs
    }

    /// What the registry says.
    struct Registry: Sendable {
        /// The site, as it sees it.
        var rows: [InstanceRow]
        /// Its clock less this machine's, and how long the question took; nil where not measured.
        var clockOffset: Duration?, roundTrip: Duration = .zero
    }

    /// A socket of the site, from here.
    struct Handshake: Hashable, Sendable {
        /// Whose.
        var instance: String, host: String
        /// Where.
        var endpoint: String
        /// Why there is no connection; nil where there is.
        var problem: String?
    }

    /// Whether the registry belongs to this host.
    var isRegistryHere: Bool {
        guard let site, let host else { return false }
        return site.hasRegistry(on: host)
    }

    /// What Cerro runs on this host: the registry first, the manager, then the instances.
    var instances: [String] {
        guard let host else { return [] }
        return (isRegistryHere ? [Site.registryID] : []) + [host.manager]
            + host.agents.filter { $0.manage != .ignore }.map(\.id)
    }

    /// Whether a process is one of this host's instances.
    func isOurs(_ process: Process) -> Bool {
        let isAlive =
            registry?.rows.contains {
                $0.pid == process.pid && $0.host == host?.name
                    && ($0.state == .alive || $0.state == .silent)
            } ?? false
        if isAlive { return true }
        // Without a registry the command line has to tell.
        guard let run = process.command.firstIndex(of: "run"), run > 0 else { return false }
        let words = process.command
        return words[run - 1] == "host"
            || words[run - 1] == "agent"
                && words.dropFirst(run + 1).contains(where: instances.contains)
    }
}
