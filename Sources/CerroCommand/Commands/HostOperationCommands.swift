internal import AgentClient
internal import ArgumentParser
internal import MessageBus
internal import SiteConfig
internal import Telemetry

/// What `cerro host start`, `stop` and `restart` have in common.
struct HostOperationOptions: ParsableArguments {
    @Argument(
        help: "The instance; `registry` is the registry.",
        completion: SiteCompletion.instances
    )
    var instance: String?

    @Flag(help: "All instances of the host, one after another; needs --host.")
    var all = false

    @Option(
        help: ArgumentHelp("Ask the manager of this host.", valueName: "name"),
        completion: SiteCompletion.hosts
    )
    var host: String?

    @OptionGroup var site: SiteOption
    @OptionGroup var format: FormatOption

    func validate() throws {
        guard (instance == nil) == all else {
            throw ValidationError("name an instance, or say --all")
        }
        guard !all || host != nil else {
            throw ValidationError("--all is about one host: say which by --host")
        }
    }

    /// Has a host's manager carry an operation out, and tells what came of it.
    func run(_ operation: String) async throws {
        let site = try site.load()
        let owner =
            if let host { try HostDirectory.host(named: host, of: site) } else {
                try HostDirectory.host(of: instance ?? "", at: site)
            }
        let call = HostCall(
            manager: owner.manager,
            operation: operation,
            parameters: ["instance": .string(instance ?? HostManager.allInstances)]
        )
        let outcome = try await SiteConnection.with(site) { client in
            try await HostDirectory.reaching(owner) { try await call.run(client) }
        }
        if format.isJSON { Console.current.answer(outcome.value.json) }
        try HostCall.show([outcome], isQuiet: format.isJSON)
    }
}

/// One operation of a host's manager, which does one of each kind at a time: a second person waits.
struct HostCall: Sendable {
    let manager: String
    let operation: String
    var parameters: [String: Value] = [:]

    /// Carries it out, and waits for its end.
    func run(_ client: SiteClient) async throws -> OperationCall.Outcome {
        var arguments = try CallArguments([])
        arguments.parameters = parameters
        let call = OperationCall(
            instance: manager,
            operation: operation,
            arguments: arguments,
            limit: Limits.hostCall,
            isDetached: false
        )
        let deadline = SystemTimeSource().monotonic + Limits.hostCall
        while true {
            let outcome = try await call.run(SystemTimeSource()) { action, arguments, limit in
                try await client.request(manager, action, arguments, timeout: limit)
            }
            guard outcome.code == .operationBusy, SystemTimeSource().monotonic < deadline else {
                return outcome
            }
            _ = try await client.request(
                manager,
                Action.wait,
                [
                    "operation": .string(operation),
                    "wait_ns": .int(Limits.waitStep.nanoseconds),
                ],
                timeout: SiteClient.patience + Limits.waitStep
            )
        }
    }

    /// Tells what came of calls.
    ///
    /// - Throws: the first that failed.
    static func show(_ outcomes: [OperationCall.Outcome], isQuiet: Bool) throws {
        if !isQuiet {
            for message in outcomes.flatMap({ $0.session?.messages ?? [] }) {
                Console.current.answer(TextTable.onOneLine(message.text))
            }
        }
        guard let failed = outcomes.first(where: { $0.code != .ok }) else { return }
        let status = ExitStatus(rawValue: failed.code.exitCode) ?? .failed
        throw CommandFailure(status, "\(failed.text) (\(failed.code.rawValue))")
    }
}

/// `cerro host start`.
struct HostStartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Starts an instance on its host, where it is kept running from now on."
    )

    @OptionGroup var options: HostOperationOptions

    func run() async throws { try await options.run("start") }
}

/// `cerro host stop`.
struct HostStopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "Stops an instance on its host; it stays stopped until somebody starts it.",
        discussion: "That holds when the manager or the machine is started again, too."
    )

    @OptionGroup var options: HostOperationOptions

    func run() async throws { try await options.run("stop") }
}

/// `cerro host restart`.
struct HostRestartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart",
        abstract: "Stops an instance on its host and starts it again, with the newest program.",
        discussion: "With --all, those that run, one after another."
    )

    @OptionGroup var options: HostOperationOptions

    func run() async throws { try await options.run("restart") }
}

/// `cerro host reload` and `cerro config reload`.
struct HostReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Has the managers follow their site files at once.",
        discussion: """
            They look by themselves twice a second; this says what became of it. What did not \
            change is not touched. A file that is wrong is not followed.
            """
    )

    @Option(
        help: ArgumentHelp("Only the manager of this host.", valueName: "name"),
        completion: SiteCompletion.hosts
    )
    var host: String?

    @OptionGroup var site: SiteOption
    @OptionGroup var format: FormatOption

    func run() async throws {
        let site = try site.load()
        let hosts = try host.map { [try HostDirectory.host(named: $0, of: site)] } ?? site.hosts
        let outcomes = try await SiteConnection.with(site) { client in
            let alive = try await client.instances().filter { $0.state == .alive }
            let managed = hosts.filter { host in alive.contains { $0.instance == host.manager } }
            guard !managed.isEmpty else {
                throw CommandFailure(
                    .unreachable,
                    "no manager runs on \(hosts.map(\.name).joined(separator: ", ")): `cerro host "
                        + "run` there starts one, in the place of `cerro up`"
                )
            }
            var outcomes: [String: OperationCall.Outcome] = [:]
            for host in managed {
                let call = HostCall(manager: host.manager, operation: "reload")
                outcomes[host.name] = try await call.run(client)
            }
            return outcomes
        }
        if format.isJSON {
            Console.current.answer(Value.map(outcomes.mapValues(\.value)).json)
        }
        let sorted = outcomes.sorted { $0.key < $1.key }
        if !format.isJSON {
            for (host, outcome) in sorted {
                let text = outcome.session?.messages.last?.text ?? outcome.text
                Console.current.answer(TextTable.onOneLine("\(host): \(text)"))
            }
        }
        try HostCall.show(sorted.map(\.value), isQuiet: true)
    }
}
