internal import Access
internal import ArgumentParser
internal import SiteConfig
internal import Telemetry
internal import ZeroMQ

/// `cerro keys new`: a key for a person or script.
struct KeysNewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Makes a key for a person or script, and says what it may do.",
        discussion: """
            Whoever has a key may look at every instance; --role says what else, --instance and \
            --operation where. Roles: observe, operate, engineer, admin, each with those before it.
            """
    )

    @Argument(help: "Who it is for, one word.")
    var name: String

    @Option(
        help: ArgumentHelp("observe, operate, engineer or admin.", valueName: "role"),
        transform: { text throws in
            guard let role = Role(rawValue: text) else {
                let known = Role.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("`\(text)` is no role; there are \(known)")
            }
            return role
        }
    )
    var role = Role.observe

    @Option(
        name: .customLong("instance"),
        help: ArgumentHelp("Only at these, as LSA* (repeatable).", valueName: "pattern")
    )
    var instances: [String] = []

    @Option(
        name: .customLong("operation"),
        help: ArgumentHelp("Only for these (repeatable).", valueName: "pattern")
    )
    var operations: [String] = []

    @OptionGroup var site: SiteOption
    @OptionGroup var format: FormatOption

    func validate() throws {
        guard Name.isValid(name) else {
            throw ValidationError("`\(name)` is no name: \(Name.rule)")
        }
        for pattern in instances + operations
        where !Name.isValid(pattern.replacing("*", with: "x")) {
            throw ValidationError("`\(pattern)` is no pattern: a name in which `*` may stand")
        }
    }

    /// What the new key may do.
    var grants: [Grant] {
        let grant = Grant(
            role: role,
            instances: instances.isEmpty ? ["*"] : instances,
            operations: operations.isEmpty ? ["*"] : operations
        )
        return grant == Grant(role: role) ? [grant] : [Grant(role: .observe), grant]
    }

    func run() throws {
        let folder = try KeysCommand.folder(of: try site.load())
        try SiteKeys.reading { try folder.alone { try make(in: folder) } }
        let file = folder.secretFile(of: name)
        let console = Console.current
        if format.isJSON {
            return console.answer(
                Value.map(["name": .string(name), "file": .string(file)]).json
            )
        }
        console.note("\(file): the secret key of \(name), who alone may have it. Move it to the")
        console.note("folder of keys there, beside registry.key; $CERRO_KEY names another place.")
        console.note("Copy access.yaml to the other hosts; it holds within a second.")
    }

    private func make(in folder: KeyFolder) throws {
        var table: AccessTable
        do throws(AccessError) { table = try folder.table() } catch {
            throw CommandFailure(.usage, "\(error)")
        }
        guard !table.members.contains(where: { $0.name == name }) else {
            throw CommandFailure(
                .usage,
                "\(name) has a key already; `cerro keys revoke \(name)` ends it"
            )
        }
        guard !folder.hasPair(of: name) else {
            throw CommandFailure(
                .usage,
                "\(folder.secretFile(of: name)) is there, and access.yaml does not know it. Delete "
                    + "the file if nobody needs it"
            )
        }
        let pair = try folder.makePair(for: name)
        table.members.append(
            AccessTable.Member(name: name, key: pair.publicKey, kind: .person, grants: grants)
        )
        do { try folder.write(table) } catch {
            folder.removePair(of: name)
            throw error
        }
    }
}

/// `cerro keys revoke`: a key gets in nowhere any more.
struct KeysRevokeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Ends the key of a person, script or instance.",
        discussion: """
            Open connections of the key end within a second, on each host that has the new \
            access.yaml. `cerro keys init` makes a new key for an instance.
            """
    )

    @Argument(help: "Whose key it is.")
    var name: String

    @OptionGroup var site: SiteOption
    @OptionGroup var format: FormatOption

    func run() throws {
        let folder = try KeysCommand.folder(of: try site.load())
        try SiteKeys.reading { try folder.alone { try end(in: folder) } }
        if format.isJSON {
            return Console.current.answer(Value.map(["revoked": .string(name)]).json)
        }
        Console.current.note(
            "\(name) is revoked here within a second. Copy access.yaml to the other hosts now"
        )
    }

    private func end(in folder: KeyFolder) throws {
        var table = try folder.table()
        guard let member = table.members.first(where: { $0.name == name }) else {
            let near = Suggestion.nearest(to: name, among: table.members.map(\.name))
            throw CommandFailure(
                .usage,
                "nobody has a key under the name `\(name)`"
                    + (near.map { "; did you mean `\($0)`?" } ?? "")
            )
        }
        table.members.removeAll { $0.name == name }
        table.revocations.append(
            AccessTable.Revocation(name: name, key: member.key, at: SystemTimeSource().now)
        )
        try folder.write(table)
        folder.removePair(of: name)
    }
}

/// `cerro keys list`: who has a key, and what each may do.
struct KeysListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists who has a key, what each may do, and what is revoked."
    )

    @OptionGroup var site: SiteOption
    @OptionGroup var format: FormatOption

    func run() throws {
        let folder = try KeysCommand.folder(of: try site.load())
        let table = try SiteKeys.reading { try folder.table() }
        let console = Console.current
        if format.isJSON { return console.answer(Self.value(table, folder).json) }
        var rows = TextTable([
            ("name", .left), ("is", .left), ("key", .left), ("secret here", .left),
            ("may", .left),
        ])
        for member in table.members {
            rows.append([
                member.name, member.isInstance ? "instance" : "person",
                member.key.description.prefix(8) + "…",
                folder.hasPair(of: member.name) ? "yes" : "no", Self.text(member),
            ])
        }
        for entry in table.revocations {
            rows.append([
                entry.name, "revoked", entry.key.description.prefix(8) + "…", "no",
                "nothing since \(entry.at)",
            ])
        }
        for line in rows.lines { console.answer(line) }
    }

    private static func text(_ member: AccessTable.Member) -> String {
        let grants = member.grants.map { grant in
            let operations = grant.operations == ["*"] ? [] : ["for"] + grant.operations
            let instances = grant.instances == ["*"] ? [] : ["at"] + grant.instances
            return ([grant.role.rawValue] + instances + operations).joined(separator: " ")
        }
        let own =
            switch member.kind {
            case .instance:
                [
                    "look, be an instance" + (member.has(.vouches) ? ", ask for others" : "")
                        + (member.has(.archives) ? ", take logs" : "")
                ]
            case .person: [String]()
            }
        return (own + grants).joined(separator: "; ")
    }

    private static func value(_ table: AccessTable, _ folder: KeyFolder) -> Value {
        [
            "members": .array(
                table.members.map { member in
                    [
                        "name": .string(member.name), "key": .string(member.key.description),
                        "kind": .string(member.isInstance ? "instance" : "person"),
                        "vouches": .bool(member.has(.vouches)),
                        "archives": .bool(member.has(.archives)),
                        "secret_here": .bool(folder.hasPair(of: member.name)),
                        "grants": .array(
                            member.grants.map { grant in
                                [
                                    "role": .string(grant.role.rawValue),
                                    "instances": .array(grant.instances.map(Value.string)),
                                    "operations": .array(grant.operations.map(Value.string)),
                                ]
                            }
                        ),
                    ]
                }
            ),
            "revoked": .array(
                table.revocations.map { entry in
                    [
                        "name": .string(entry.name), "key": .string(entry.key.description),
                        "at": .string(entry.at.description),
                    ]
                }
            ),
        ]
    }
}
