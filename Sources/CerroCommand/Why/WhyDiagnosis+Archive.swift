internal import Reader
internal import Telemetry

extension WhyDiagnosis {
    /// Whether every aggregator lives, records, and has what was published.
    static func link(_ facts: WhyFacts) -> WhyStep {
        let names = facts.instances(of: "Aggregator")
        guard !names.isEmpty else {
            return .broken(
                .link,
                "the site has no instance of the class Aggregator: nobody fetches the log",
                do: "add `- {class: Aggregator, id: aggregator, start: [record]}` to the site file"
            )
        }
        var texts: [String] = []
        for name in names {
            let step = link(facts, name)
            guard step.state != .broken else { return step }
            texts.append(step.text)
        }
        return .ok(.link, texts.joined(separator: "; "))
    }

    private static func link(_ facts: WhyFacts, _ name: String) -> WhyStep {
        if let step = absent(facts, name, .link) { return step }
        guard let recording = facts.recordings[name] else {
            return .broken(
                .link,
                "\(name) sends heartbeats and does not answer requests",
                do: "look at its process; `cerro logs \(name)`"
            )
        }
        if let step = idle(recording.session, "record", of: name, .link) { return step }
        guard let log = facts.agent?.log, let row = facts.row, row.state == .alive else {
            return .ok(.link, "\(name) records")
        }
        if let fault = facts.fault("fetch.failed", of: name, subject: row.instance) {
            return .broken(
                .link,
                "\(name), of \(row.instance): \(fault.text)",
                since: fault.since,
                do: "mend what it says; all that waits in the log is fetched then. "
                    + "`cerro logs \(name)` has more"
            )
        }
        let id = recording.archive
        let commit = id.map { log.archives[$0] } ?? log.archives.values.max { $0.behind($1) }
        guard let commit else {
            guard facts.now - row.since > facts.patience else {
                return .ok(.link, "\(name) records, and has not asked for this log yet")
            }
            return .broken(
                .link,
                "\(name) records, and has never asked for the log of \(row.instance)"
                    + (facts.fault("registry.away", of: name).map { "; \($0.text)" } ?? ""),
                since: row.since,
                do: "it finds instances in the registry's table and must reach \(row.requests): "
                    + "`cerro logs \(name)`"
            )
        }
        let behind = commit.epoch == log.epoch ? log.newest - commit.position : log.newest
        let records = HumanText.records(behind)
        if behind > 0, let lag = facts.lag, lag > facts.patience, !isStuck(facts, name) {
            return .broken(
                .link,
                "\(name) is \(records) behind",
                since: facts.archivedRow,
                do: "ask again in a moment: if the number falls, it is catching up; else "
                    + "`cerro logs \(name)`, and look at the network to \(row.requests)"
            )
        }
        return .ok(
            .link,
            behind > 0
                ? "\(name) fetches, \(records) behind"
                : "\(name) has all that was published"
        )
    }

    /// Whether every archive takes what is fetched.
    static func journal(_ facts: WhyFacts) -> WhyStep {
        var texts: [String] = []
        for name in facts.instances(of: "Aggregator") {
            guard let row = facts.rows.first(where: { $0.instance == name }),
                row.state == .alive, let recording = facts.recordings[name]
            else { continue }
            if let fault = row.faults.first(where: { Self.stuck.contains($0.id) }) {
                return .broken(
                    .journal,
                    "\(name): \(fault.text)",
                    since: fault.since,
                    do: "free space on the archive's disk, or mend it; the logs of the agents "
                        + "keep what follows, and it is caught up by itself"
                )
            }
            if let session = recording.session, session.status == .degraded {
                return .broken(
                    .journal,
                    "\(name): `record` is degraded: \(session.reason)",
                    do: "look at the archive's disk; the logs of the agents keep what follows"
                )
            }
            let slow = row.faults.first { $0.id == "disk.slow" }.map { "; \($0.text)" } ?? ""
            texts.append("\(name) commits\(slow)")
        }
        return texts.isEmpty
            ? .unknown(.journal, "nobody to ask: no aggregator answers")
            : .ok(.journal, texts.joined(separator: "; "))
    }

    private static let stuck = ["disk.full", "disk.low", "journal.stuck"]

    /// Whether the journal is why an aggregator does not go on.
    private static func isStuck(_ facts: WhyFacts, _ name: String) -> Bool {
        let faults = facts.rows.first { $0.instance == name }?.faults ?? []
        return faults.contains { stuck.contains($0.id) }
            || facts.recordings[name]?.session?.status == .degraded
    }

    /// Whether closed segments become sealed files.
    static func seal(_ facts: WhyFacts) -> WhyStep {
        let names = facts.instances(of: "Aggregator").filter { facts.recordings[$0] != nil }
        guard !names.isEmpty else {
            return .unknown(.seal, "nobody to ask: no aggregator answers")
        }
        for row in facts.rows where names.contains(row.instance) {
            guard let fault = row.faults.first(where: { $0.id == "seal.failed" }) else { continue }
            return .broken(
                .seal,
                "\(row.instance): \(fault.text)",
                since: fault.since,
                do: "nothing is lost: the journal is read instead. Look at the archive's disk, "
                    + "and `cerro archive verify`"
            )
        }
        return .ok(.seal, "no segment failed")
    }

    /// Whether the reader lives and has seen what the archive holds.
    static func index(_ facts: WhyFacts) -> WhyStep {
        guard let name = facts.instances(of: "Reader").first else {
            return .broken(
                .index,
                "the site has no instance of the class Reader: nobody answers",
                do: "add `- {class: Reader, id: reader, start: [serve]}` on the archive's host"
            )
        }
        if let step = absent(facts, name, .index) { return step }
        guard let reader = facts.reader else {
            return .broken(
                .index,
                "\(name) sends heartbeats and does not answer requests",
                do: "look at its process; `cerro logs \(name)`"
            )
        }
        if let step = idle(reader.session, "serve", of: name, .index) { return step }
        if let session = reader.session, session.status == .degraded {
            return .broken(
                .index,
                "\(name): \(session.reason)",
                do: "stop the reader and `cerro archive reindex`: the files hold everything"
            )
        }
        if let lag = facts.lag, lag > facts.patience, link(facts).state == .ok,
            journal(facts).state == .ok
        {
            return .broken(
                .index,
                "\(name) has not seen what the archive has committed",
                since: facts.archivedRow,
                do: "`cerro logs \(name)`; it reads the folder of its `archive`: is that the "
                    + "aggregator's?"
            )
        }
        return .ok(
            .index,
            facts.archivedRow.map { "newest row \(HumanText.age(of: $0, at: facts.now))" }
                ?? "\(name) serves"
        )
    }

    /// Whether a question gets an answer.
    static func query(_ facts: WhyFacts) -> WhyStep {
        guard let reader = facts.reader else {
            return .unknown(.query, "nobody to ask: no reader answers")
        }
        if let failure = reader.failure {
            return .broken(.query, failure, do: "`cerro logs` of the reader; then ask again")
        }
        guard let last = facts.archived else {
            let near = NearMatch.nearest(to: facts.field.field, among: reader.last.keys.sorted())
            return .broken(
                .query,
                "the archive has no sample of \(facts.field)"
                    + (near.isEmpty
                        ? "" : "; its feed has \(near.joined(separator: ", "))"),
                do: "`cerro fields` lists those that have"
            )
        }
        let age = HumanText.age(of: last, at: facts.now)
        let unit = reader.unit.isEmpty ? "" : " \(reader.unit)"
        return .ok(
            .query,
            reader.value.map { "\(HumanText.value($0))\(unit), \(age)" } ?? "newest sample \(age)"
        )
    }

    /// The step of an instance that is not alive, nil of one that is.
    private static func absent(
        _ facts: WhyFacts,
        _ name: String,
        _ place: WhyStep.Place
    ) -> WhyStep? {
        let row = facts.rows.first { $0.instance == name }
        guard row?.state != .alive else { return nil }
        let host = row?.host ?? facts.declared.first { $0.instance == name }?.host ?? ""
        return .broken(
            place,
            "\(name) is \(row?.state.rawValue ?? "unknown to the registry")",
            since: row.flatMap { $0.state == .missing ? nil : $0.seen },
            do: "`cerro host start \(name)`, or `cerro up` on host \(host); "
                + "`cerro logs \(name)` tells why it ended"
        )
    }

    /// The step of an instance whose process does not run, nil of one whose does.
    private static func idle(
        _ session: Session?,
        _ operation: String,
        of name: String,
        _ place: WhyStep.Place
    ) -> WhyStep? {
        switch session?.status {
        case .starting, .running, .degraded: return nil
        case .stopping, .done, nil:
            let reason = session.map { $0.reason.isEmpty ? "" : ": \($0.reason)" } ?? ""
            return .broken(
                place,
                "\(name) is alive, and its `\(operation)` does not run\(reason)",
                since: session?.end,
                do: "`cerro call \(name) \(operation)`"
            )
        }
    }
}

extension WhyFacts {
    /// A fault that an instance holds.
    fileprivate func fault(
        _ id: String,
        of instance: String,
        subject: String? = nil
    ) -> Fault? {
        rows.first { $0.instance == instance }?.faults.first { fault in
            fault.id == id && (subject.map { fault.subject == $0 } ?? true)
        }
    }
}

extension WhyFacts.Position {
    /// Whether another position is further.
    fileprivate func behind(_ other: WhyFacts.Position) -> Bool {
        (epoch, position) < (other.epoch, other.position)
    }
}
