internal import AgentClient
internal import ArgumentParser
internal import Reader
internal import SiteConfig
internal import Telemetry

/// `cerro audit`: who asked for what, and what came of it.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Lists commands and refusals: who, from where, what, what came of it.",
        discussion: """
            From the last 24 hours unless told otherwise, as the archive has it. PATTERN is an \
            instance; `*` stands for any run of characters. With --follow each beginning and each \
            end is a line, until Ctrl-C; with --json too, each is a document of its own.
            """
    )

    @Argument(
        help: "Which instances; all if left out.",
        completion: SiteCompletion.instances
    )
    var pattern = "*"

    @Option(help: ArgumentHelp("Only what somebody of that name asked.", valueName: "name"))
    var who: String?

    @Option(
        help: ArgumentHelp(
            "Only what ended so: "
                + AuditEntry.Outcome.allCases.map(\.rawValue).joined(separator: ", ")
                + "; more than once for several.",
            valueName: "outcome"
        ),
        completion: .list(AuditEntry.Outcome.allCases.map(\.rawValue)),
        transform: { text in
            guard let outcome = AuditEntry.Outcome(rawValue: text) else {
                throw ValidationError(
                    "`\(text)` is no outcome; there are "
                        + AuditEntry.Outcome.allCases.map(\.rawValue).joined(separator: ", ")
                )
            }
            return outcome
        }
    )
    var outcome: [AuditEntry.Outcome] = []

    @Flag(help: "Go on with what comes, until Ctrl-C.")
    var follow = false

    @OptionGroup var reader: ReaderOptions
    @OptionGroup var format: FormatOption

    func validate() throws {
        guard !pattern.contains(".") else {
            throw ValidationError("`\(pattern)` has a dot; name an instance, such as `cryo-*`")
        }
        guard !follow || reader.range.end == nil else {
            throw ValidationError("--follow has no end; drop one of --follow and --end")
        }
    }

    func run() async throws {
        let filter = AuditFilter(pattern: pattern, who: who, outcomes: outcome)
        if follow { return try await goOn(filter) }
        let (lines, unknown) = try await reader.ask(from: { $0 - .seconds(86_400) }) {
            (query, range, _) in
            let lines = try await query.audit(filter, range)
            let mayBeUnknown = lines.isEmpty && filter.pattern != "*"
            let known = mayBeUnknown ? Set(try await query.known().map(\.instance)) : []
            return (lines, mayBeUnknown ? Self.unknown(filter.pattern, among: known) : nil)
        }
        if let unknown { throw CommandFailure(.failed, unknown) }
        let console = Console.current
        let commands = AuditReport.commands(of: lines).filter(filter.matches)
        if format.isJSON {
            return console.answer(Value.array(commands.map(\.value)).json)
        }
        for line in AuditReport.table(commands) { console.answer(line) }
        if commands.isEmpty { console.note("nobody asked for anything in that time") }
    }

    /// What to say of a pattern that no instance fits; nil where one does.
    static func unknown(_ pattern: String, among instances: Set<String>) -> String? {
        guard !instances.contains(where: FieldPattern(pattern).matches) else { return nil }
        let advice = "; `cerro status` lists those that live"
        return "no instance `\(pattern)` is in the archive"
            + UnknownName.suggestion(for: pattern, among: instances, else: advice)
    }

    /// Shows what is there, and then asks again and again for what has come.
    private func goOn(_ filter: AuditFilter) async throws {
        let site = try reader.site.load()
        let time = SystemTimeSource()
        let begin = try reader.range.range(at: time.now, from: time.now - .seconds(3600))
        let (name, isJSON, console) = (reader.reader, format.isJSON, Console.current)
        _ = try await Signals.cancelling {
            try await SiteConnection.with(site) { client in
                let query = try ReaderQuery(client, site: site, instance: name)
                var news = AuditNews(begin: begin.lowerBound)
                while !Task.isCancelled {
                    let now = time.now
                    for line in news.new(in: try await query.audit(filter, news.range(now)))
                    where filter.matches(line.entry) {
                        console.answer(isJSON ? line.value.json : AuditReport.line(line))
                    }
                    news.forget(at: now)
                    do { try await time.sleep(for: Limits.auditPeriod) } catch { return }
                }
            }
        }
    }
}

/// Which lines of the audit somebody wants to see.
struct AuditFilter: Sendable {
    var pattern: String
    var who: String?
    var outcomes: [AuditEntry.Outcome]

    /// Whether an entry is to be shown by itself.
    func matches(_ entry: AuditEntry) -> Bool {
        (who == nil || entry.name == who) && (outcomes.isEmpty || outcomes.contains(entry.outcome))
    }

    /// Whether a command is to be shown: what came of it at last counts.
    func matches(_ command: AuditReport.Command) -> Bool {
        (command.end ?? command.begin).map { matches($0.entry) } ?? false
    }
}

/// One row of an instance's feed `audit`.
struct AuditLine: Hashable, Sendable {
    var instance: String
    var time: Timestamp
    var entry: AuditEntry

    /// The line as a map.
    var value: Value {
        [
            "instance": .string(instance), "time": .string(time.description),
            "request": .string(entry.request), "outcome": .string(entry.outcome.rawValue),
            "who": .string(entry.who), "name": .string(entry.name), "proof": .string(entry.proof),
            "address": .string(entry.address), "action": .string(entry.action),
            "operation": .string(entry.operation),
            "parameters": (try? Value(json: entry.parameters)) ?? .null,
            "reason": .string(entry.reason),
            "duration": entry.seconds.map(Value.double) ?? .null,
        ]
    }
}

/// What of an audit that is read again and again is new.
///
/// Entries come in the order of their commits, which is not quite that of their times: so a little
/// of the past is asked for each time, and what was seen is left out.
struct AuditNews {
    private var begin: Timestamp
    private var seen: Set<AuditLine> = []

    init(begin: Timestamp) {
        self.begin = begin
    }

    /// What to ask for.
    func range(_ now: Timestamp) -> Range<Timestamp> { begin..<max(now, begin + .seconds(1)) }

    /// The lines that were not there before.
    mutating func new(in lines: [AuditLine]) -> [AuditLine] {
        lines.filter { seen.insert($0).inserted }
    }

    /// Asks no more for what is too long ago for anything to come.
    mutating func forget(at now: Timestamp) {
        begin = max(begin, now - Limits.auditDelay)
        seen = seen.filter { $0.time >= begin }
    }
}

extension ReaderQuery {
    /// The entries of a range of the instances that fit, in order of time.
    func audit(
        _ filter: AuditFilter,
        _ range: Range<Timestamp>
    ) async throws -> [AuditLine] {
        let names = try await fields(["\(filter.pattern).audit.*"], range)
            .compactMap { $0["name"]?.string }
        guard !names.isEmpty else { return [] }
        return try await data(names, range, [:]).timelines.flatMap(AuditReport.lines)
            .sorted { $0.time < $1.time }
    }
}
