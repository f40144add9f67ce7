internal import Reader
internal import Telemetry

extension WhyDiagnosis {
    /// Whether the agent lives, declares the field, and publishes its feed.
    static func agent(_ facts: WhyFacts) -> WhyStep {
        let name = facts.field.instance
        guard let row = facts.row else { return unheardOf(facts) }
        let start = "`cerro host start \(name)`, or `cerro up` on host \(row.host)"
        switch row.state {
        case .missing:
            return .broken(
                .agent,
                "\(name) has not been there since the registry began; it belongs to host "
                    + row.host,
                do: "\(start); `cerro logs \(name)` tells why it ended"
            )
        case .silent:
            return .broken(
                .agent,
                "no heartbeat of \(name), which was process \(row.pid) on host \(row.host)",
                since: row.seen,
                do: "look whether host \(row.host) and the network live; then \(start)"
            )
        case .stopped where row.seen.nanoseconds == 0:
            return .broken(.agent, "\(name) of host \(row.host) was never started", do: start)
        case .stopped:
            return .broken(
                .agent,
                "\(name) was stopped on host \(row.host)",
                since: row.seen,
                do: start
            )
        case .alive: break
        }
        guard let agent = facts.agent else {
            return .broken(
                .agent,
                "\(name) sends heartbeats and does not answer requests",
                do: "look at process \(row.pid) on host \(row.host); `cerro logs \(name)`"
            )
        }
        if let step = undeclared(facts, agent) { return step }
        return publishing(facts, agent, row)
    }

    /// Nobody knows the instance.
    private static func unheardOf(_ facts: WhyFacts) -> WhyStep {
        let name = facts.field.instance
        if let entry = facts.declared.first(where: { $0.instance == name }) {
            return .broken(
                .agent,
                "\(name) is of the site file, and the registry does not know it",
                do: "`cerro host start \(name)`, or `cerro up` on host \(entry.host); and compare "
                    + "the site file on the registry's host with this one"
            )
        }
        let names = Set(facts.rows.map(\.instance) + facts.declared.map(\.instance)).sorted()
        let near = NearMatch.nearest(to: name, among: names)
        return .broken(
            .agent,
            "neither the site file nor the registry knows an instance `\(name)`"
                + ended(facts) + didYouMean(near),
            since: facts.archived,
            do: near.isEmpty
                ? "`cerro status` lists the instances" : "ask for \(near[0])"
        )
    }

    /// The instance does not declare the feed or the field.
    private static func undeclared(_ facts: WhyFacts, _ agent: WhyFacts.Agent) -> WhyStep? {
        let field = facts.field
        let all = agent.feeds.flatMap { feed in
            feed.fields.map { "\(field.instance).\(feed.name).\($0.name)" }
        }
        guard !all.contains(field.description) else { return nil }
        let what =
            facts.feed == nil
            ? "declares no feed `\(field.feed)`"
            : "declares no field `\(field.field)` in its feed `\(field.feed)`"
        let near = NearMatch.nearest(to: field.description, among: all)
        return .broken(
            .agent,
            "\(field.instance) \(what)" + ended(facts) + didYouMean(near),
            since: facts.archived,
            do: near.isEmpty
                ? "`cerro describe \(field.instance)` lists what it publishes"
                : "ask for \(near[0])"
        )
    }

    private static func ended(_ facts: WhyFacts) -> String {
        facts.archived.map {
            "; the archive has samples until \($0) (\(HumanText.age(of: $0, at: facts.now))), "
                + "when the field ended"
        } ?? ""
    }

    private static func didYouMean(_ near: [String]) -> String {
        near.isEmpty ? "" : "; did you mean \(near.joined(separator: ", "))?"
    }

    /// The instance declares the field: whether it publishes.
    private static func publishing(
        _ facts: WhyFacts,
        _ agent: WhyFacts.Agent,
        _ row: InstanceRow
    ) -> WhyStep {
        let running = agent.sessions.filter { session in
            agent.processes.contains(session.operation)
                && [.starting, .running, .degraded].contains(session.status)
        }
        let doing =
            running.isEmpty
            ? "no process runs"
            : running.map { "`\($0.operation)` \($0.status.rawValue)" }.joined(separator: ", ")
        let place = "alive on host \(row.host) (process \(row.pid)), \(doing)"
        let published = facts.published
        guard let records = published?.records, records > 0, let at = published?.at else {
            guard published != nil else { return .ok(.agent, place) }
            return .broken(
                .agent,
                "\(place); it declares the feed `\(facts.field.feed)` and has not published it "
                    + "since it started",
                since: lastEnd(agent) ?? row.since,
                do: start(facts.field.instance, agent)
            )
        }
        let age = facts.now - at
        if facts.feed?.period != nil, age > facts.patience {
            return .broken(
                .agent,
                "\(place); nothing of the feed `\(facts.field.feed)` was published any more"
                    + whyEnded(agent),
                since: at,
                do: start(facts.field.instance, agent)
            )
        }
        let rhythm = facts.feed?.period == nil ? ", which comes as it comes" : ""
        return .ok(
            .agent,
            "\(place), published \(HumanText.age(of: at, at: facts.now))\(rhythm)"
        )
    }

    private static func lastEnd(_ agent: WhyFacts.Agent) -> Timestamp? {
        agent.sessions.filter { agent.processes.contains($0.operation) }.compactMap(\.end).max()
    }

    private static func whyEnded(_ agent: WhyFacts.Agent) -> String {
        let ended = agent.sessions.filter { agent.processes.contains($0.operation) }
            .max { ($0.end?.nanoseconds ?? 0) < ($1.end?.nanoseconds ?? 0) }
        guard let ended, ended.status == .done else { return "" }
        let reason = ended.reason.isEmpty ? "" : ": \(ended.reason)"
        return "; `\(ended.operation)` \(ended.success == true ? "was stopped" : "failed")\(reason)"
    }

    /// How to let it publish: start what does not run, first what ended last.
    private static func start(_ instance: String, _ agent: WhyFacts.Agent) -> String {
        let newest = Dictionary(agent.sessions.map { ($0.operation, $0) }) { $1 }
        let idle = agent.processes.filter { newest[$0].map { $0.status == .done } ?? true }
            .sorted {
                (newest[$0]?.end?.nanoseconds ?? 0) > (newest[$1]?.end?.nanoseconds ?? 0)
            }
        guard !idle.isEmpty else {
            return "`cerro describe \(instance)` says what publishes it; `cerro logs \(instance)`"
        }
        return "start what publishes it: "
            + idle.map { "`cerro call \(instance) \($0)`" }.joined(separator: ", or ")
    }
}
