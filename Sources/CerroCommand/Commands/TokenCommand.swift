internal import Access
internal import ArgumentParser
internal import Reader
internal import SiteConfig
internal import Telemetry

/// `cerro token`: who gets in over HTTP.
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Makes, lists and revokes tokens, by which people and programs get in over HTTP.",
        discussion: """
            Tokens are kept in access.yaml, beside the keys of the site, as hashes: a token is \
            printed once, when it is made. What is changed holds within a second, without a \
            restart.
            """,
        subcommands: [New.self, List.self, Revoke.self]
    )

    /// `cerro token new NAME`.
    struct New: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "new",
            abstract: "Makes a token and prints it, once.",
            discussion: """
                It goes into `Authorization: Bearer TOKEN`, or into the login of the live monitor. \
                Without --role it only reads.
                """
        )

        @Argument(help: "Whose it is: the name that stands in the audit.")
        var name: String

        @Option(help: "observe, operate, engineer or admin.")
        var role: String = Role.observe.rawValue

        @Option(
            name: .customLong("instance"),
            help: ArgumentHelp("Only these instances; `*` is any letters.", valueName: "pattern")
        )
        var instances: [String] = []

        @Option(
            name: .customLong("operation"),
            help: ArgumentHelp("Only these operations; `*` is any letters.", valueName: "pattern")
        )
        var operations: [String] = []

        @Option(help: ArgumentHelp("When it ends: 30d, 12h, or never.", valueName: "time"))
        var expires = "90d"

        @OptionGroup var site: SiteOption
        @OptionGroup var format: FormatOption

        func run() async throws {
            guard let role = Role(rawValue: role) else {
                throw CommandFailure(
                    .usage,
                    "`\(role)` is no role; there are "
                        + Role.allCases.map(\.rawValue).joined(separator: ", ")
                )
            }
            guard Name.isValid(name) else {
                throw CommandFailure(.usage, "`\(name)` is no name: \(Name.rule)")
            }
            for pattern in instances + operations
            where !Name.isValid(pattern.replacing("*", with: "x")) {
                throw CommandFailure(
                    .usage,
                    "`\(pattern)` is no pattern: a name in which `*` may stand for anything"
                )
            }
            let now = SystemTimeSource().now
            let end =
                expires == "never"
                ? nil : now + (try TimeArgument.duration(expires, option: "--expires"))
            let token = try TokenFolder(site).change { table in
                var token = AccessToken.random()
                while table.token(id: token.id) != nil { token = .random() }
                let grant = Grant(
                    role: role,
                    instances: instances.isEmpty ? ["*"] : instances,
                    operations: operations.isEmpty ? ["*"] : operations
                )
                table.tokens.append(
                    AccessTable.Token(
                        id: token.id,
                        name: name,
                        hash: token.hash,
                        expires: end,
                        grants: [grant]
                    )
                )
                return token
            }
            let console = Console.current
            if format.isJSON {
                let answer: Value = [
                    "id": .string(token.id), "name": .string(name), "token": .string(token.text),
                    "expires": end.map { .string($0.description) } ?? .null,
                ]
                return console.answer(answer.json)
            }
            console.answer(token.text)
            console.note(
                "this is shown once: keep it where \(name) alone can read it. "
                    + (end.map { "It ends at \($0)" } ?? "It does not end")
                    + "; `cerro token revoke \(token.id)` ends it at once"
            )
        }
    }

    /// `cerro token list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "Lists the tokens: whose they are, what they allow and when they end."
        )

        @OptionGroup var site: SiteOption
        @OptionGroup var format: FormatOption

        func run() async throws {
            let tokens = try TokenFolder(site).table().tokens
            let console = Console.current
            if format.isJSON { return console.answer(Value.array(tokens.map(\.value)).json) }
            let now = SystemTimeSource().now
            var table = TextTable([
                ("id", .left), ("name", .left), ("allows", .left), ("ends", .left),
            ])
            for token in tokens {
                let end = token.expires.map { end in
                    (end <= now ? "ended " : "") + HumanText.age(of: end, at: now)
                }
                table.append([token.id, token.name, token.allows, end ?? "never"])
            }
            guard !table.isEmpty else { return console.note("there are no tokens") }
            for line in table.lines { console.answer(line) }
        }
    }

    /// `cerro token revoke ID`.
    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke",
            abstract: "Ends a token, or all of a name, at once."
        )

        @Argument(help: "The id of a token, or the name of whose they are.")
        var token: String

        @OptionGroup var site: SiteOption

        func run() async throws {
            let ended = try TokenFolder(site).change { table in
                let ended = table.tokens.filter { $0.id == token || $0.name == token }
                guard !ended.isEmpty else {
                    let known = table.tokens.map { "\($0.id) (\($0.name))" }
                    throw CommandFailure(
                        .failed,
                        "there is no token `\(token)`; there "
                            + (known.isEmpty ? "are none" : "are \(known.joined(separator: ", "))")
                    )
                }
                table.tokens.removeAll { $0.id == token || $0.name == token }
                return ended
            }
            for token in ended { Console.current.note("\(token.id) of \(token.name) has ended") }
        }
    }
}

/// Where the tokens of a site are, with errors for people.
private struct TokenFolder {
    private let folder: KeyFolder

    init(_ option: SiteOption) throws(CommandFailure) {
        let site = try option.load()
        guard let keys = site.keys else {
            throw CommandFailure(
                .usage,
                "\(site.file) has no `keys`, beside which tokens are kept: write `keys: keys/`, "
                    + "then `cerro keys init`"
            )
        }
        folder = KeyFolder(keys)
    }

    func table() throws(CommandFailure) -> AccessTable {
        do { return try folder.table() } catch { throw CommandFailure(.usage, "\(error)") }
    }

    /// Changes the table while no other process does.
    func change<Result>(_ body: (inout AccessTable) throws -> Result) throws -> Result {
        try folder.alone {
            var table = try table()
            let result = try body(&table)
            try write(table)
            return result
        }
    }

    private func write(_ table: AccessTable) throws(CommandFailure) {
        guard table.tokens.count <= AccessLimits.mostEntries else {
            throw CommandFailure(
                .failed,
                "there are \(AccessLimits.mostEntries) tokens, the most possible: revoke some"
            )
        }
        do { try folder.write(table) } catch { throw CommandFailure(.failed, "\(error)") }
    }
}

extension AccessTable.Token {
    /// What is known of the token, without its hash.
    fileprivate var value: Value {
        [
            "id": .string(id), "name": .string(name),
            "expires": expires.map { .string($0.description) } ?? .null,
            "grants": .array(
                grants.map { grant in
                    [
                        "role": .string(grant.role.rawValue),
                        "instances": .array(grant.instances.map(Value.string)),
                        "operations": .array(grant.operations.map(Value.string)),
                    ]
                }
            ),
        ]
    }

    /// What it allows, in words.
    fileprivate var allows: String {
        grants.map { grant in
            let all = ["*"]
            return grant.role.rawValue
                + (grant.instances == all ? "" : " at " + grant.instances.joined(separator: " "))
                + (grant.operations == all
                    ? "" : ", only " + grant.operations.joined(separator: " "))
        }.joined(separator: "; ")
    }
}
