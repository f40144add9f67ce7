internal import AgentRuntime
internal import Telemetry

/// What the facts say of each place, one after the other.
enum WhyDiagnosis {
    /// The report on a field.
    static func report(_ facts: WhyFacts) -> WhyReport {
        WhyReport(
            field: facts.field,
            steps: [
                instrument(facts), agent(facts), log(facts), link(facts), journal(facts),
                seal(facts), index(facts), query(facts),
            ]
        )
    }

    /// Whether the instrument gives values, as far as its agent knows.
    static func instrument(_ facts: WhyFacts) -> WhyStep {
        guard let agent = facts.agent else {
            return .unknown(.instrument, "nobody to ask: its agent does not answer")
        }
        guard facts.isDeclared else {
            return .unknown(.instrument, "nothing is declared under that name")
        }
        guard !BuiltInFeed.all.contains(where: { $0.name == facts.field.feed }) else {
            return .ok(.instrument, "not needed: the agent itself publishes this feed")
        }
        if let fault = agent.faults.first(where: { $0.id.hasPrefix("instrument.") }) {
            return .broken(
                .instrument,
                fault.text,
                since: fault.since,
                do: "look at the instrument's power, cable and address; the agent tries again by "
                    + "itself"
            )
        }
        if let session = agent.sessions.first(where: { $0.status == .degraded }) {
            return .broken(
                .instrument,
                "`\(session.operation)` is degraded: \(session.reason)",
                do: "the agent tries again by itself; `cerro call \(facts.field.instance) "
                    + "\(session.operation) status` shows what it logged"
            )
        }
        if let reader = facts.reader, reader.newestRows > 0, reader.newestValues == 0 {
            return .broken(
                .instrument,
                "gives no value: the field is missing in each of the newest \(reader.newestRows) "
                    + "rows of its feed",
                since: facts.archived,
                do: "look at that channel of the instrument; the other fields of the feed come"
            )
        }
        return .ok(.instrument, "no fault" + remarks(agent.faults, of: facts.field))
    }

    /// What is wrong with the values or their clock, and stops nothing.
    private static func remarks(_ faults: [Fault], of field: FieldName) -> String {
        let subjects = [field.field, "\(field.feed).\(field.field)", field.description]
        let own = faults.filter { fault in
            fault.id == "clock" && ["", field.feed].contains(fault.subject)
                || fault.id == "field.limits" && subjects.contains(fault.subject)
        }
        return own.map { "; \($0.text)" }.joined()
    }

    /// Whether the spool takes what is published.
    static func log(_ facts: WhyFacts) -> WhyStep {
        guard let log = facts.agent?.log else {
            return .unknown(.log, "nobody to ask: its agent does not answer")
        }
        let faults = facts.agent?.faults ?? []
        let worst = ["spool.unwritable", "spool.unreadable", "spool.lost", "spool.full"]
        if let fault = worst.lazy.compactMap({ id in faults.first { $0.id == id } }).first {
            return .broken(
                .log,
                fault.text,
                since: fault.since,
                do: fault.id == "spool.full"
                    ? "let the aggregator record again, or give `spool` a larger `size`; "
                        + "`cerro archive forget` lists who holds it"
                    : "look at the disk of the spool: is it full, or failing?"
            )
        }
        if let failure = log.failure {
            return .broken(
                .log,
                "the spool cannot be written: \(failure)",
                do: "look at the disk of the spool: is it full, or failing?"
            )
        }
        let filling = faults.first { $0.id == "spool.filling" }.map { "; \($0.text)" } ?? ""
        return .ok(
            .log,
            "position \(HumanText.count(log.newest)), \(HumanText.byteCount(log.byteCount)) of "
                + HumanText.byteCount(log.size) + filling
        )
    }
}

extension WhyFacts {
    /// Whether the instance declares the field.
    var isDeclared: Bool { feed?.fields.contains { $0.name == field.field } ?? false }
}
