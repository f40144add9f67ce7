import Telemetry
import Testing

@testable import CerroCommand

/// Every way in which a field can stop, by the facts that tell it.
@Suite("cerro why")
struct WhyTests {
    /// A change of the facts of a field that is fine.
    typealias Change = @Sendable (inout WhyFacts) -> Void

    private static let now = Timestamp(seconds: 100_000)
    private static func ago(_ seconds: Int64) -> Timestamp { now - .seconds(seconds) }

    private static let field = FieldName(instance: "cryo-1", feed: "temps", field: "stage")

    private static func row(_ instance: String, _ className: String) -> InstanceRow {
        var row = InstanceRow(instance: instance, className: className, host: "server")
        row.state = .alive
        row.pid = 17
        row.requests = "tcp://10.0.0.2:5561"
        row.since = ago(9000)
        row.seen = ago(1)
        return row
    }

    private static func running(_ operation: String) -> Session {
        var session = Session(id: 1, operation: operation, start: ago(9000))
        session.status = .running
        return session
    }

    private static func ended(_ operation: String, _ reason: String) -> Session {
        var session = running(operation)
        (session.status, session.success, session.reason) = (.done, false, reason)
        session.end = ago(600)
        return session
    }

    private static func fault(_ id: String, _ text: String, _ subject: String = "") -> Fault {
        Fault(id: id, severity: .error, since: ago(60), text: text, subject: subject)
    }

    /// A field with which all is well.
    private static var fine: WhyFacts {
        var facts = WhyFacts(field: field, now: now)
        facts.declared = [
            .init(instance: "cryo-1", className: "Cryostat", host: "server"),
            .init(instance: "aggregator", className: "Aggregator", host: "server"),
            .init(instance: "reader", className: "Reader", host: "server"),
        ]
        facts.rows = [
            row("cryo-1", "Cryostat"), row("aggregator", "Aggregator"), row("reader", "Reader"),
        ]
        let feed = Feed("temps", fields: [Field("stage"), Field("shield")], period: .seconds(1))
        facts.agent = .init(
            feeds: [feed],
            processes: ["acquire"],
            sessions: [running("acquire")],
            faults: [],
            log: .init(
                epoch: 5,
                newest: 900,
                byteCount: 4096,
                size: 1 << 30,
                archives: ["abc": .init(epoch: 5, position: 899)],
                feeds: ["temps": .init(records: 890, last: ago(1), at: ago(1))]
            )
        )
        facts.recordings = ["aggregator": .init(session: running("record"), archive: "abc")]
        facts.reader = .init(
            session: running("serve"),
            last: ["stage": ago(2), "shield": ago(2)],
            newestRows: 60,
            newestValues: 60,
            value: 4.25,
            unit: "K"
        )
        return facts
    }

    @Test("a field that is fine is fine at every step, and shows its value")
    func allFine() {
        let report = WhyDiagnosis.report(Self.fine)
        #expect(report.steps.map(\.place) == WhyStep.Place.allCases)
        #expect(report.steps.allSatisfy { $0.state == .ok })
        #expect(report.broken == nil)
        #expect(report.steps.last?.text == "4.25 K, 2 s ago")
        #expect(report.value["broken"] == .null)
    }

    /// What is changed, the first broken step, words of it and of what to do, and since when.
    private static let breakages: [(Change, WhyStep.Place, String, String, Timestamp?)] = [
        (
            { $0.agent?.faults = [fault("instrument.silent", "no reply within 0.5 s")] },
            .instrument, "no reply within 0.5 s", "cable", ago(60)
        ),
        (
            {
                $0.agent?.sessions[0].status = .degraded
                $0.agent?.sessions[0].reason = "no connection"
            },
            .instrument, "`acquire` is degraded: no connection", "cryo-1 acquire status", nil
        ),
        (
            {
                $0.reader?.newestValues = 0
                $0.reader?.last["stage"] = ago(500)
            },
            .instrument, "missing in each of the newest 60 rows", "channel", ago(500)
        ),
        (
            { facts in
                facts.field = FieldName(instance: "cryo-2", feed: "temps", field: "stage")
                facts.agent = nil
                facts.reader?.last = [:]
            },
            .agent, "knows an instance `cryo-2`; did you mean cryo-1?", "ask for cryo-1", nil
        ),
        (
            { facts in
                (facts.rows, facts.declared, facts.agent) = ([], [], nil)
                facts.reader?.last["stage"] = ago(90_000)
            },
            .agent, "the archive has samples until", "cerro status", ago(90_000)
        ),
        (
            { ($0.rows[0].state, $0.agent) = (.missing, nil) },
            .agent, "belongs to host server", "`cerro up` on host server", nil
        ),
        (
            { ($0.rows[0].state, $0.agent) = (.silent, nil) },
            .agent, "no heartbeat of cryo-1, which was process 17", "network", ago(1)
        ),
        (
            { ($0.rows[0].state, $0.agent) = (.stopped, nil) },
            .agent, "was stopped", "cerro host start cryo-1", ago(1)
        ),
        ({ $0.rows.removeFirst() }, .agent, "registry does not know", "the site file on", nil),
        ({ $0.agent = nil }, .agent, "does not answer requests", "process 17", nil),
        (
            { facts in
                facts.field = FieldName(instance: "cryo-1", feed: "temps", field: "stgae")
                facts.agent?.faults = [fault("instrument.silent", "no reply")]
            },
            .agent, "declares no field `stgae`", "ask for cryo-1.temps.stage", nil
        ),
        (
            { facts in
                facts.field = FieldName(instance: "cryo-1", feed: "tmps", field: "stage")
                facts.reader?.last = [:]
            },
            .agent, "declares no feed `tmps`", "ask for cryo-1.temps.stage", nil
        ),
        (
            { facts in
                facts.agent?.feeds = [Feed("loads", fields: [Field("heat")])]
                facts.reader?.last = ["stage": ago(90_000)]
            },
            .agent, "when the field ended", "cerro describe cryo-1", ago(90_000)
        ),
        (
            { facts in
                facts.agent?.log?.feeds["temps"] = .init(records: 0)
                facts.agent?.sessions = [ended("acquire", "no connection")]
                facts.reader?.last = [:]
            },
            .agent, "has not published it since it started", "`cerro call cryo-1 acquire`",
            ago(600)
        ),
        (
            { facts in
                facts.agent?.log?.feeds["temps"] = .init(
                    records: 9,
                    last: ago(700),
                    at: ago(700)
                )
                facts.agent?.processes = ["acquire", "count"]
                facts.agent?.sessions = [ended("acquire", "it broke")]
                facts.reader?.last = ["stage": ago(700)]
            },
            .agent, "any more; `acquire` failed: it broke",
            "`cerro call cryo-1 acquire`, or `cerro call cryo-1 count`",
            ago(700)
        ),
        (
            { $0.agent?.faults = [fault("spool.full", "90 records are dropped")] },
            .log, "90 records are dropped", "cerro archive forget", ago(60)
        ),
        (
            { $0.agent?.faults = [fault("spool.unwritable", "kept in memory")] },
            .log, "kept in memory", "disk of the spool", ago(60)
        ),
        ({ $0.agent?.log?.failure = "no space" }, .log, "no space", "disk of the spool", nil),
        (
            { facts in
                facts.declared.removeAll { $0.className == "Aggregator" }
                facts.rows.removeAll { $0.className == "Aggregator" }
            },
            .link, "no instance of the class Aggregator", "site file", nil
        ),
        (
            { ($0.rows[1].state, $0.recordings) = (.silent, [:]) },
            .link, "aggregator is silent", "cerro host start aggregator", ago(1)
        ),
        ({ $0.recordings = [:] }, .link, "does not answer requests", "cerro logs aggregator", nil),
        (
            { $0.recordings["aggregator"]?.session = ended("record", "locked by another") },
            .link, "`record` does not run: locked by another", "`cerro call aggregator record`",
            ago(600)
        ),
        (
            {
                $0.agent?.log?.archives = ["other": .init(epoch: 5, position: 900)]
                $0.rows[1].faults = [fault("registry.away", "new instances are not found")]
            },
            .link, "never asked for the log of cryo-1; new instances are not found",
            "tcp://10.0.0.2:5561", ago(9000)
        ),
        (
            {
                $0.rows[1].faults = [
                    fault("fetch.failed", "of another one", "cryo-2"),
                    fault("fetch.failed", "its log cannot be fetched: role", "cryo-1"),
                ]
            },
            .link, "aggregator, of cryo-1: its log cannot be fetched: role", "mend what it says",
            ago(60)
        ),
        (
            { facts in
                facts.agent?.log?.archives["abc"] = .init(epoch: 5, position: 100)
                facts.reader?.last = ["stage": ago(800)]
            },
            .link, "aggregator is 800 records behind", "catching up", ago(800)
        ),
        (
            { facts in
                facts.agent?.log?.archives["abc"] = .init(epoch: 5, position: 100)
                facts.reader?.last = ["stage": ago(800)]
                facts.rows[1].faults = [fault("disk.low", "1 GiB left")]
            },
            .journal, "aggregator: 1 GiB left", "free space", ago(60)
        ),
        (
            {
                $0.recordings["aggregator"]?.session?.status = .degraded
                $0.recordings["aggregator"]?.session?.reason = "cannot sync"
            },
            .journal, "`record` is degraded: cannot sync", "archive's disk", nil
        ),
        (
            { $0.rows[1].faults = [fault("seal.failed", "no room to seal")] },
            .seal, "no room to seal", "nothing is lost", ago(60)
        ),
        (
            { ($0.rows[2].state, $0.reader) = (.missing, nil) },
            .index, "reader is missing", "cerro host start reader", nil
        ),
        (
            { facts in
                facts.declared.removeLast()
                facts.rows.removeLast()
                facts.reader = nil
            },
            .index, "no instance of the class Reader", "class: Reader", nil
        ),
        ({ $0.reader = nil }, .index, "does not answer requests", "cerro logs reader", nil),
        (
            { $0.reader?.session = ended("serve", "port taken") },
            .index, "`serve` does not run: port taken", "`cerro call reader serve`", ago(600)
        ),
        (
            {
                $0.reader?.session?.status = .degraded
                $0.reader?.session?.reason = "index.sqlite is damaged"
            },
            .index, "index.sqlite is damaged", "cerro archive reindex", nil
        ),
        (
            { facts in
                facts.agent?.log?.archives["abc"] = .init(epoch: 5, position: 900)
                facts.reader?.last = ["stage": ago(300)]
            },
            .index, "has not seen what the archive has committed", "aggregator's", ago(300)
        ),
        (
            { $0.reader?.failure = "the archive cannot be read" },
            .query, "the archive cannot be read", "ask again", nil
        ),
        (
            { facts in
                facts.reader?.last["stage"] = nil
                facts.reader?.newestRows = 0
            },
            .query, "no sample of cryo-1.temps.stage", "cerro fields", nil
        ),
    ]

    @Test("every broken step is found, with since when and what to do", arguments: 0..<36)
    func broken(index: Int) throws {
        try #require(Self.breakages.count == 36, "each of them is tried")
        let (change, place, text, advice, since) = Self.breakages[index]
        var facts = Self.fine
        change(&facts)
        let report = WhyDiagnosis.report(facts)
        let step = try #require(report.broken, "nothing is broken: \(report.steps)")
        #expect(step.place == place)
        #expect(step.text.contains(text))
        #expect(step.advice.contains(advice))
        #expect(step.since == since)
        #expect(report.value["broken"]?.string == place.rawValue)
        let lines = report.lines(now: Self.now, .kept(in: Transcript()))
        #expect(lines.contains { $0.hasPrefix("broken   \(place.rawValue)") })
        #expect(lines.last == "to do: \(step.advice)")
    }

    @Test("limits and clocks are remarks, and a spool that fills or a slow disk stops nothing")
    func remarks() {
        var facts = Self.fine
        facts.agent?.faults = [
            Self.fault("field.limits", "above 5 K", "temps.stage"),
            Self.fault("field.limits", "above 50 K", "temps.shield"),
            Self.fault("clock", "3600 s ahead", "temps"), Self.fault("clock", "2 d", "loads"),
            Self.fault("spool.filling", "60 % full"),
        ]
        facts.rows[1].faults = [Self.fault("disk.slow", "a commit took 2 s")]
        let report = WhyDiagnosis.report(facts)
        #expect(report.broken == nil)
        #expect(report.steps[0].text == "no fault; above 5 K; 3600 s ahead")
        #expect(report.steps[2].text.hasSuffix("; 60 % full"))
        #expect(report.steps[4].text.hasSuffix("; a commit took 2 s"))
    }

    @Test("a feed that comes as it comes may be silent; one that began just now may wait")
    func patience() {
        var facts = Self.fine
        facts.agent?.feeds = [Feed("temps", fields: [Field("stage")])]
        let old = Self.ago(5000)
        facts.agent?.log?.feeds["temps"] = .init(records: 1, last: old, at: old)
        facts.reader?.last = ["stage": old]
        #expect(WhyDiagnosis.report(facts).broken == nil)

        // What the agent says of itself needs no instrument.
        facts.agent?.feeds = [Feed("faults", fields: [Field("stage", .string)])]
        facts.agent?.faults = [Self.fault("instrument.silent", "no reply")]
        facts.field = FieldName(instance: "cryo-1", feed: "faults", field: "stage")
        #expect(WhyDiagnosis.report(facts).broken == nil)

        facts = Self.fine
        facts.rows[0].since = Self.ago(2)
        facts.agent?.log?.archives = [:]
        #expect(WhyDiagnosis.report(facts).broken == nil)
    }

    @Test("on a terminal the steps have signs, elsewhere words")
    func signs() {
        var facts = Self.fine
        (facts.rows[0].state, facts.agent) = (.stopped, nil)
        let report = WhyDiagnosis.report(facts)
        let plain = report.lines(now: Self.now, .kept(in: Transcript()))
        #expect(plain[0].hasPrefix("unknown  instrument"))
        #expect(plain[1].hasPrefix("broken   agent"))
        #expect(plain[3].hasPrefix("ok       link"))
        let signs = report.lines(now: Self.now, .kept(in: Transcript(), usesColour: true))
        #expect(signs[0].contains("–") && signs[1].contains("✗") && signs[3].contains("✓"))
    }

    @Test("what is no full name is refused before anybody is asked")
    func usage() async {
        let transcript = Transcript()
        let code = await CommandLineTool.run(["why", "cryo-1"], console: .kept(in: transcript))
        #expect(code == 2 && transcript.notes.contains("instance.feed.field"))
    }

    @Test("the answer to `log` is read as Wire.md draws it")
    func log() throws {
        let log = try #require(
            WhyFacts.Log([
                "epoch": 5, "newest": 9, "oldest_epoch": 4, "oldest": 1, "bytes": 100,
                "memory": 0, "size": 1000, "failure": .null,
                "archives": ["abc": ["epoch": 5, "position": 8]],
                "feeds": [
                    "temps": ["records": 3, "last": 70, "published": 80],
                    "faults": ["records": 0, "last": .null, "published": .null],
                ],
            ])
        )
        #expect(log.archives == ["abc": .init(epoch: 5, position: 8)])
        #expect(
            log.feeds["temps"]
                == .init(
                    records: 3,
                    last: Timestamp(nanoseconds: 70),
                    at: Timestamp(nanoseconds: 80)
                )
        )
        #expect(log.feeds["faults"]?.last == nil && log.failure == nil)
    }
}
