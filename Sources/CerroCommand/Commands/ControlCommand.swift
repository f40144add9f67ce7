internal import AgentClient
internal import ArgumentParser
internal import MessageBus
internal import Reader
internal import SiteConfig
internal import Telemetry

/// `cerro control`: takes control of an instance, gives it back, or shows who has it.
struct ControlCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "control",
        abstract: "Takes control of an instance, so that nobody else starts or stops anything.",
        discussion: """
            CHANGE is take, release or show (the default). Control ends by itself, after 30 min \
            unless --for says otherwise, and with the instance. To take it again goes on with it.
            """
    )

    /// What is done.
    enum Change: String, CaseIterable, ExpressibleByArgument {
        /// From now on nobody else commands it.
        case take
        /// From now on everybody may again.
        case release
        /// Who has it.
        case show
    }

    @Argument(help: "The instance.", completion: SiteCompletion.instances)
    var instance: String

    @Argument(help: "take, release or show.")
    var change = Change.show

    @Option(help: ArgumentHelp("Why, for those who want it meanwhile.", valueName: "text"))
    var reason: String?

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("For how long: 30m, 2h; at most 12 h.", valueName: "time")
    )
    var length: String?

    @Flag(name: .customLong("break"), help: "Take it from whoever has it; for admins.")
    var breaks = false

    @OptionGroup var site: SiteOption
    @OptionGroup var format: FormatOption

    func validate() throws {
        guard change == .take || (reason == nil && length == nil) else {
            throw ValidationError("--reason and --for belong to `take`")
        }
        guard change != .take || reason != nil else {
            throw ValidationError("say why: --reason \"cooldown\"")
        }
    }

    func run() async throws {
        var arguments: [String: Value] = ["break": .bool(breaks)]
        if let reason { arguments["reason"] = .string(reason) }
        if let length {
            let duration = try TimeArgument.duration(length, option: "--for")
            arguments["duration_ns"] = .int(duration.nanoseconds)
        }
        let action =
            switch change {
            case .take: Action.take
            case .release: Action.release
            case .show: Action.status
            }
        let given: Value = change == .show ? [:] : .map(arguments)
        let site = try site.load()
        let result = try await SiteConnection.with(site) {
            try await $0.result(instance, action, given)
        }
        let value = result["control"] ?? .null
        let console = Console.current
        if format.isJSON { return console.answer(value.json) }
        let control = Control(value)
        console.answer(
            TextTable.onOneLine(
                control.map { "\(instance): \($0), since \($0.since)" }
                    ?? "\(instance): nobody has control"
            )
        )
    }
}

extension TimeArgument {
    /// A duration such as `30m` or `2h`, which is written as the time that long ago is.
    static func duration(_ text: String, option: String) throws(CommandFailure) -> Duration {
        let zero = Timestamp(seconds: 0)
        let length = try? zero - TimeArgument("-" + text, argument: option).resolved(at: zero)
        guard let length, length > .zero else {
            throw CommandFailure(
                .usage,
                "\(option) is `\(text)`; write a time with its unit, such as 90s, 30m, 2h or 30d"
            )
        }
        return length
    }
}
