internal import Access
internal import AgentClient
internal import ArgumentParser
internal import SiteConfig
internal import Telemetry
internal import ZeroMQ

/// `cerro keys`: makes, shows and revokes the keys of a site.
struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Makes, lists and revokes the keys of a site.",
        discussion: """
            The keys are in the folder that the site file names as `keys`. Change them on one \
            host, and copy access.yaml to the others: each process reads it again within a second.
            """,
        subcommands: [
            KeysInitCommand.self, KeysNewCommand.self, KeysListCommand.self,
            KeysRevokeCommand.self,
        ]
    )

    /// The folder of keys of a site.
    static func folder(of site: Site) throws(CommandFailure) -> KeyFolder {
        guard let path = site.keys else {
            throw CommandFailure(
                .usage,
                "\(site.file) names no folder of keys. Write `keys: keys/` beside `registry:`; "
                    + "then all its sockets need keys, on loopback too"
            )
        }
        return KeyFolder(path)
    }

    /// The table of a folder, or an empty one where there is no file yet.
    static func table(of folder: KeyFolder) throws(CommandFailure) -> AccessTable {
        do throws(AccessError) { return try folder.table() } catch {
            if case .missing = error { return AccessTable() }
            throw CommandFailure(.usage, "\(error)")
        }
    }
}

/// `cerro keys init`: the keys of the registry, of all instances, of the hosts' managers and of
/// the first person.
struct KeysInitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Makes the keys of all instances of the site file that have none.",
        discussion: """
            Safe to repeat: what is there stays as it is. The first time it also makes the key of \
            `operator`, who may do everything.
            """
    )

    @OptionGroup var site: SiteOption
    @OptionGroup var format: FormatOption

    func run() throws {
        let site = try site.load()
        let folder = try KeysCommand.folder(of: site)
        let made = try SiteKeys.reading { try KeyPlan(site).carryOut(in: folder) }
        let console = Console.current
        if format.isJSON {
            return console.answer(
                Value.map([
                    "folder": .string(folder.path), "made": .array(made.map(Value.string)),
                ]).json
            )
        }
        console.note(
            made.isEmpty
                ? "\(folder.path): all instances have their keys"
                : "\(folder.path): made the keys of \(made.joined(separator: ", "))"
        )
        for line in KeyPlan(site).nextSteps(folder) { console.note(line) }
    }
}

/// What `cerro keys init` does for a site.
struct KeyPlan {
    private let site: Site
    private var instances: [(id: String, duties: Set<AccessTable.Member.Duty>)]

    init(_ site: Site) {
        self.site = site
        let agents = site.hosts.flatMap(\.agents)
        instances = [(Site.registryID, [])]
        instances += agents.map { ($0.id, Self.duties[$0.className] ?? []) }
        instances += site.hosts.map { ($0.manager, []) }
    }

    /// What instances of a class do that others do not.
    private static let duties: [String: Set<AccessTable.Member.Duty>] = [
        "Reader": [.vouches], "Aggregator": [.archives],
    ]

    /// Makes what is missing; returns whose keys were made.
    func carryOut(in folder: KeyFolder) throws -> [String] {
        try folder.alone { try make(in: folder) }
    }

    private func make(in folder: KeyFolder) throws -> [String] {
        var table = try KeysCommand.table(of: folder)
        var made: [String] = []
        for (id, duties) in instances {
            // A table that is older than a duty, or than the class of an instance.
            table.members = table.members.map { member in
                guard member.name == id, case .instance(let own) = member.kind else {
                    return member
                }
                var member = member
                member.kind = .instance(own.union(duties))
                return member
            }
        }
        for (id, duties) in instances where table.member(named: id) == nil {
            if !folder.hasPair(of: id) { made.append(id) }
            table.members.removeAll { $0.name == id }
            table.members.append(
                AccessTable.Member(
                    name: id,
                    key: try pair(of: id, in: folder, table),
                    kind: .instance(duties)
                )
            )
        }
        if !table.members.contains(where: { !$0.isInstance }) {
            let name = PersonalKey.firstPerson
            if !folder.hasPair(of: name) { made.append(name) }
            table.members.append(
                AccessTable.Member(
                    name: name,
                    key: try pair(of: name, in: folder, table),
                    kind: .person,
                    grants: [Grant(role: .admin)]
                )
            )
        }
        // The secrets first: a table without them helps nobody, and the next try finds them.
        if try KeysCommand.table(of: folder) != table { try folder.write(table) }
        if let registry = table.member(named: Site.registryID), try !isPinned(registry, folder) {
            try folder.write(registryKey: registry.key)
        }
        return made
    }

    /// The public key of a name: of the secret that is there, unless that is revoked, or of a new
    /// one.
    private func pair(
        of name: String,
        in folder: KeyFolder,
        _ table: AccessTable
    ) throws -> PublicKey {
        guard folder.hasPair(of: name) else { return try folder.makePair(for: name).publicKey }
        let key = try folder.pair(of: name).publicKey
        guard table.revocations.contains(where: { $0.key == key }) else { return key }
        folder.removePair(of: name)
        return try folder.makePair(for: name).publicKey
    }

    private func isPinned(
        _ registry: AccessTable.Member,
        _ folder: KeyFolder
    ) throws -> Bool {
        do throws(AccessError) { return try folder.registryKey() == registry.key } catch {
            if case .missing = error { return false }
            throw error
        }
    }

    /// What each other host needs, and how to go on.
    func nextSteps(_ folder: KeyFolder) -> [String] {
        let others = site.hosts.filter {
            $0.address != site.registry.address
                && !Endpoint(host: $0.address, port: 0).isLoopback
        }
        let copies = others.map { host in
            let names = [host.manager] + host.agents.map(\.id)
            let files = ["access.yaml", "registry.key"] + names.map { $0 + ".secret" }
            return "  \(host.name) (\(host.address)): \(files.joined(separator: ", "))"
        }
        let copying =
            copies.isEmpty
            ? [] : ["Copy to the folder of keys of each host, with `scp -p`:"] + copies
        return copying + [
            "Then restart what runs without keys. `cerro keys new NAME --role operate` makes a key "
                + "for a person or script."
        ]
    }
}
