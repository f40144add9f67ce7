internal import AgentClient
internal import Archive
internal import ArgumentParser
internal import Foundation
internal import MessageBus
internal import SiteConfig
internal import Telemetry

/// `cerro archive forget`: ends an archive, so that no log keeps records for it any more.
struct ArchiveForgetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget",
        abstract:
            "Ends an archive that will never come back: no log keeps records for it any more.",
        discussion: """
            Without an ID it lists the archives that the logs of the site know, how far behind \
            each is, and whose it is. A log keeps every record until all archives that it knows \
            have committed it, so one that never comes back fills the spools. Instances that do \
            not live are named: ask again when they do. Exits with 1 if one did not answer, or if \
            none knows the archive.
            """
    )

    @Argument(
        help: ArgumentHelp("The id of the archive.", valueName: "id"),
        completion: SiteCompletion.archives
    )
    var id: String?

    @Flag(name: .customLong("yes"), help: "Do not ask, even where the archive is still in use.")
    var isSure = false

    @OptionGroup var site: SiteOption
    @OptionGroup var format: FormatOption

    func run() async throws {
        let site = try site.load()
        let console = Console.current
        guard let id else {
            let survey = try await SiteConnection.with(site) { try await ArchiveSurvey.take($0) }
            if format.isJSON { return console.answer(survey.value.json) }
            for line in survey.lines { console.answer(line) }
            return
        }
        let (isSure, asked) = (isSure, Self.isAgreed)
        let (outcomes, absent) = try await SiteConnection.with(site) { client in
            let survey = try await ArchiveSurvey.take(client)
            if let unknown = survey.unknown(id) { throw CommandFailure(.failed, unknown) }
            if let use = survey.use(of: id) ?? Self.use(of: id, at: site), !isSure {
                guard asked("\(use). What it has not committed may be lost to it. Forget it?")
                else {
                    throw CommandFailure(.refused, "nothing was forgotten: \(use); `--yes` does it")
                }
            }
            return (await survey.forget(id, client), survey.absent)
        }
        if format.isJSON {
            console.answer(ForgetOutcome.value(outcomes, absent: absent).json)
        } else {
            for line in ForgetOutcome.lines(outcomes, absent: absent) { console.answer(line) }
        }
        let failed = outcomes.filter { $0.failure != nil }.map(\.instance)
        guard failed.isEmpty else {
            throw CommandFailure(
                .failed,
                "\(failed.joined(separator: ", ")) did not forget it: run this again"
            )
        }
    }

    /// Who uses the archive by its folder, which only its own host sees.
    private static func use(of id: String, at site: Site) -> String? {
        let directory = ArchiveDirectory(site.archive.directory)
        guard let own = try? directory.readID(), own == id else { return nil }
        return "\(id) is the archive in \(directory.path), which the site file names"
    }

    /// Asks the person at the terminal; without one the answer is no.
    @Sendable private static func isAgreed(_ question: String) -> Bool {
        guard isatty(STDIN_FILENO) == 1 else { return false }
        Console.current.note(question + " Type `yes`:")
        return readLine() == "yes"
    }
}

/// What the logs of a site know of archives.
struct ArchiveSurvey: Sendable {
    /// What one log knows.
    struct Log: Sendable {
        var instance: String
        var log: WhyFacts.Log
    }

    /// The logs of the instances that live.
    var logs: [Log]
    /// The aggregators that live, by the id of their archive.
    var aggregators: [String: String]
    /// The instances that could not be asked.
    var absent: [String]

    /// Asks every instance that lives.
    static func take(_ client: SiteClient) async throws -> ArchiveSurvey {
        var survey = ArchiveSurvey(logs: [], aggregators: [:], absent: [])
        for row in try await client.instances() {
            let name = row.instance
            let answer =
                row.state == .alive
                ? try? await client.result(name, Action.log, timeout: Limits.whyRequest) : nil
            guard let log = answer.flatMap(WhyFacts.Log.init) else {
                survey.absent.append(name)
                continue
            }
            survey.logs.append(Log(instance: name, log: log))
            guard row.className == "Aggregator" else { continue }
            let status = try? await client.result(
                name,
                Action.status,
                ["operation": "record"],
                timeout: Limits.whyRequest
            )
            if let session = status?["session"].flatMap(Session.init), session.status != .done,
                let id = session.data["archive"]?.string
            {
                survey.aggregators[id] = name
            }
        }
        return survey
    }

    /// What to say of an archive that no log knows; nil where one does.
    func unknown(_ id: String) -> String? {
        let known = archives.map(\.id)
        guard !known.contains(id) else { return nil }
        let list =
            known.isEmpty ? "; they know none" : "; they know \(known.joined(separator: ", "))"
        return
            (["no log keeps anything for an archive \(id)" + list]
            + ForgetOutcome.absentees(absent)).joined(separator: "\n")
    }

    /// Why somebody should be asked first, nil where nobody that lives writes the archive.
    func use(of id: String) -> String? {
        aggregators[id].map { "\(id) is the archive that \($0) writes now" }
    }

    /// Asks every log to forget the archive.
    func forget(_ id: String, _ client: SiteClient) async -> [ForgetOutcome] {
        var outcomes: [ForgetOutcome] = []
        for log in logs {
            var outcome = ForgetOutcome(instance: log.instance, before: log.log, archive: id)
            do {
                let result = try await client.result(
                    log.instance,
                    Action.forget,
                    ["archive": .string(id)]
                )
                outcome.isKnown = result["known"]?.bool ?? false
            } catch { outcome.failure = "\(error)" }
            outcomes.append(outcome)
        }
        return outcomes
    }

    /// The ids that any log knows, with the logs that do.
    var archives: [(id: String, logs: [Log])] {
        Set(logs.flatMap(\.log.archives.keys)).union(aggregators.keys).sorted().map { id in
            (id, logs.filter { $0.log.archives[id] != nil })
        }
    }

    /// The archives as a table, then who could not be asked.
    var lines: [String] {
        var table = TextTable([
            ("archive", .left), ("written by", .left), ("logs", .right), ("behind", .right),
        ])
        for (id, logs) in archives {
            table.append([
                id, aggregators[id] ?? "nobody that lives", String(logs.count),
                HumanText.records(logs.reduce(0) { $0 + $1.log.behind(id) }),
            ])
        }
        return (table.isEmpty ? ["no log knows an archive"] : table.lines)
            + ForgetOutcome.absentees(absent)
    }

    /// The archives as one JSON document.
    var value: Value {
        [
            "archives": .array(
                archives.map { id, logs in
                    [
                        "archive": .string(id), "written_by": .optional(aggregators[id]),
                        "behind": .map(
                            Dictionary(logs.map { ($0.instance, .int($0.log.behind(id))) }) { $1 }
                        ),
                    ]
                }
            ),
            "absent": .array(absent.map(Value.string)),
        ]
    }
}

/// What became of an archive in one log.
struct ForgetOutcome: Sendable {
    /// Whose log it is, and what it held before.
    let instance: String
    let before: WhyFacts.Log
    /// The archive.
    let archive: String
    /// Whether the log had kept records for it.
    var isKnown = false
    /// Why it did not answer; nil where it did.
    var failure: String?

    /// What each log had kept for the archive, and who has to be asked again.
    static func lines(_ outcomes: [ForgetOutcome], absent: [String]) -> [String] {
        var table = TextTable([
            ("log", .left), ("kept for it", .right), ("spool", .right), ("", .left),
        ])
        for outcome in outcomes {
            let behind = outcome.before.behind(outcome.archive)
            table.append([
                outcome.instance,
                outcome.isKnown ? HumanText.records(behind) : "-",
                HumanText.byteCount(outcome.before.byteCount),
                outcome.failure ?? (outcome.isKnown ? "forgotten" : "did not know it"),
            ])
        }
        return (outcomes.isEmpty ? [] : table.lines) + absentees(absent)
    }

    /// The line that names who could not be asked.
    static func absentees(_ absent: [String]) -> [String] {
        absent.isEmpty
            ? []
            : [
                "not asked, since they do not answer: \(absent.joined(separator: ", ")); run this "
                    + "again when they do"
            ]
    }

    /// The outcomes as one JSON document.
    static func value(_ outcomes: [ForgetOutcome], absent: [String]) -> Value {
        [
            "logs": .array(
                outcomes.map { outcome in
                    [
                        "instance": .string(outcome.instance), "known": .bool(outcome.isKnown),
                        "records": .int(outcome.before.behind(outcome.archive)),
                        "bytes": .int(outcome.before.byteCount),
                        "failure": .optional(outcome.failure),
                    ]
                }
            ),
            "absent": .array(absent.map(Value.string)),
        ]
    }
}

extension WhyFacts.Log {
    /// Records of the current epoch that an archive has not committed; all of them where it is
    /// still in an older one, 0 where the log does not know it.
    func behind(_ archive: String) -> Int64 {
        guard let commit = archives[archive] else { return 0 }
        return commit.epoch == epoch ? max(0, newest - commit.position) : newest
    }
}
