import AgentClient
import ArchiveFormat
import CerroTesting
import Foundation
import HTTPTypes
import MessagePack
import Telemetry
import Testing

@testable import Reader

@Suite("HTTP shows the site as it is now", .timeLimit(.minutes(10)))
struct LiveTests {
    private static func row(_ instance: String, faults: [Fault] = []) -> InstanceRow {
        var row = InstanceRow(instance: instance, className: "Lakeshore372", host: "dome")
        row.faults = faults
        return row
    }

    private static func record(_ values: [Double]) -> [UInt8] {
        var writer = MessagePackWriter()
        let header = RecordHeader(kind: .data, epoch: 1, position: 1, revision: 1, published: at(0))
        RecordWriter.write(header, blocks: [block(0, values)], to: &writer)
        return writer.withBytes { Array($0) }
    }

    @Test("a watcher gets what has changed since its last look, of the fields that it watches")
    func watcher() {
        let table = LiveTable()
        var all = LiveTable.Watcher([FieldPattern("*")])
        var one = LiveTable.Watcher([FieldPattern("cryo.temps.stage")])
        table.note("cryo", FixedSite.feed, [block(0, [4, 5])])
        table.note("dome", FixedSite.feed, [block(0, [1])])
        #expect(all.changes(in: table).samples.map(\.value.double) == [5, 1])
        #expect(one.changes(in: table).samples.map(\.value.double) == [5])
        #expect(one.changes(in: table).samples.isEmpty)
        // Whoever looks late sees the newest, not all that came between.
        for value in 6...9 { table.note("cryo", FixedSite.feed, [block(1, [Double(value)])]) }
        table.note("later", FixedSite.feed, [block(0, [2])])
        #expect(one.changes(in: table).samples.map(\.value.double) == [9])
        #expect(
            all.changes(in: table).samples.map(\.name) == ["cryo.temps.stage", "later.temps.stage"]
        )
    }

    @Test("a row is news when more than its heartbeat has changed")
    func rows() {
        let table = LiveTable()
        var watcher = LiveTable.Watcher([])
        var cryo = Self.row("cryo")
        table.note([cryo, Self.row("dome")], at: at(0))
        #expect(watcher.changes(in: table).rows.map(\.instance) == ["cryo", "dome"])
        cryo.seen = at(5)
        cryo.clockOffset = .milliseconds(1)
        table.note([cryo, Self.row("dome")], at: at(0))
        #expect(watcher.changes(in: table).rows.isEmpty)
        #expect(table.rows.first?.seen == at(5))
        cryo.state = .silent
        table.note([cryo], at: at(0))
        #expect(watcher.changes(in: table).rows.map(\.state) == [.silent])
        #expect(table.rows.map(\.instance) == ["cryo"])
    }

    @Test("a pulse tells the heartbeat, the newest sample and what was said, also without news")
    func pulses() {
        let table = LiveTable()
        var watcher = LiveTable.Watcher([])
        var cryo = Self.row("cryo")
        (cryo.seen, cryo.published) = (at(5), 7)
        table.note([cryo, Self.row("dome")], at: at(6))
        _ = watcher.changes(in: table)
        (cryo.seen, cryo.published) = (at(8), 9)
        table.note([cryo, Self.row("dome")], at: at(9))
        table.note("cryo", FixedSite.feed, [block(2, [1, 2])])
        table.note("cryo", FixedSite.feed, [block(0, [1])])
        #expect(watcher.changes(in: table).rows.isEmpty)
        let (pulses, looked) = table.pulses
        #expect(looked == at(9))
        #expect(pulses.map(\.instance) == ["cryo", "dome"])
        #expect(
            pulses.first
                == LiveTable.Pulse(
                    instance: "cryo",
                    heartbeat: at(8),
                    published: 9,
                    newest: at(3),
                    rows: 3
                )
        )
        #expect(pulses.last?.newest == nil && pulses.last?.rows == 0)
    }

    @Test("a missing value is no sample: the one before it stays the newest")
    func missing() {
        let table = LiveTable()
        var watcher = LiveTable.Watcher([FieldPattern("*")])
        table.note("cryo", FixedSite.feed, [block(0, [4])])
        _ = watcher.changes(in: table)
        let column = Column.doubles([nil] as [Double?])
        table.note("cryo", FixedSite.feed, [Block(timestamps: [at(1)], columns: [column])])
        #expect(watcher.changes(in: table).samples.isEmpty)
    }

    @Test("what is published is decoded by the declarations of its instance, asked for once")
    func follower() async {
        let site = FixedSite([Self.row("cryo")])
        let table = LiveTable()
        let labels = SeriesLabels(site: "hill", homes: [:])
        site.publish("cryo/temps/", Self.record([4]))
        site.publish("cryo/temps/", Self.record([5]))
        site.publish("cryo/unknown/", Self.record([6]))
        site.publish("cryo/temps/", [0xC1])
        site.publish("nobody/temps/", Self.record([7]))
        site.publish("no topic", [])
        await site.close()
        #expect(table.audience.take(atMost: 1) && !table.audience.take(atMost: 1))
        let time = ManualTimeSource(at(0))
        await LiveFollower(site: site, table: table, labels: labels, time: time).run()
        var watcher = LiveTable.Watcher([FieldPattern("*")])
        #expect(watcher.changes(in: table).samples.map(\.value.double) == [5])
        #expect(site.requests.map(\.instance) == ["cryo", "nobody"])
    }

    @Test("what nobody watches is not listened to")
    func unwatched() async throws {
        let site = FixedSite([Self.row("cryo")])
        let table = LiveTable()
        try await withThrowingTaskGroup(of: Void.self) { group in
            let labels = SeriesLabels(site: "hill", homes: ["old": ("dome", "FakeData")])
            let time = ManualTimeSource(at(0))
            let follower = LiveFollower(site: site, table: table, labels: labels, time: time)
            group.addTask { await follower.run() }
            try await eventually("the registry is asked") { table.rows.isEmpty ? nil : true }
            try await eventually("a new instance has labels") {
                labels.home(of: "cryo")?.className == "Lakeshore372" ? true : nil
            }
            #expect(labels.home(of: "old")?.host == "dome")
            #expect(site.listening == .never)
            #expect(table.audience.take(atMost: 1))
            site.publish("cryo/temps/", Self.record([4]))
            var watcher = LiveTable.Watcher([FieldPattern("*")])
            try await eventually("what is published is there") {
                watcher.changes(in: table).samples.isEmpty ? nil : true
            }
            table.audience.giveBack()
            try await eventually("nobody listens") { site.listening == .over ? true : nil }
            // The next one to watch is told of nothing old as if it were the newest.
            try await eventually("what was seen is forgotten") {
                table.pulses.pulses.first?.newest == nil ? true : nil
            }
            var later = LiveTable.Watcher([FieldPattern("*")])
            #expect(later.changes(in: table).samples.isEmpty)
            group.cancelAll()
        }
    }

    @Test("agents and their faults are listed, and a site that does not answer is said")
    func lists() async throws {
        let archive = try TemporaryArchive()
        let fault = Fault(id: "link.down", severity: .critical, since: at(0), text: "no reply")
        let site = FixedSite([Self.row("cryo", faults: [fault])])
        try await withReader(archive.path, site: site) { reader in
            let agents = try await reader.get("/api/v1/agents")
            #expect(agents.text.contains(#""instance":"cryo""#))
            let faults = try await reader.get("/api/v1/faults")
            #expect(faults.text.contains(#""id":"link.down""#))
            #expect(faults.text.contains(#""instance":"cryo""#))
            let described = try await reader.get("/api/v1/agents/cryo")
            #expect(described.text.contains(#""name":"stage""#), "\(described.text)")
        }
    }

    @Test("operations are started with checked parameters, and only by POST")
    func operations() async throws {
        let archive = try TemporaryArchive()
        let site = FixedSite([Self.row("cryo")])
        try await withReader(archive.path, site: site) { reader in
            let base = "/api/v1/agents/cryo/ops"
            let started = try await reader.get(
                "\(base)/set_heater/start",
                method: .post,
                body: #"{"range": 3}"#
            )
            #expect(started.status == 200, "\(started.text)")
            #expect(
                site.requests.last?.arguments
                    == ["operation": "set_heater", "parameters": ["range": 3], "wait_ns": 0]
            )
            let status = try await reader.get("\(base)/set_heater/status")
            #expect(status.status == 200 && site.requests.last?.action == "status")
            let count = site.requests.count
            for (path, method, body, expected, words) in [
                (
                    "\(base)/set_heater/start", HTTPRequest.Method.get, "", 405,
                    "needs the method POST"
                ),
                ("\(base)/set_heater/start", .post, "[3]", 400, "a JSON map"),
                ("\(base)/set_heater/start", .post, "{", 400, "a JSON map"),
                ("\(base)/set_heater/explode", .post, "", 400, "one of start, stop"),
                ("\(base)/busy/start", .post, "", 409, "it runs already"),
                ("/api/v1/agents/nobody/ops/x/start", .post, "", 404, "no instance `nobody`"),
            ] {
                let answer = try await reader.get(path, method: method, body: body)
                #expect(answer.status == expected, "\(path): \(answer.text)")
                #expect(answer.text.contains(words), "\(path): \(answer.text)")
            }
            #expect(site.requests.count == count + 2)
        }
    }

    @Test("a watcher that asks for what is not possible is told so")
    func badWatch() async throws {
        let archive = try TemporaryArchive()
        try await withReader(archive.path) { reader in
            let fast = try await reader.get("/api/v1/live?period=0.001")
            #expect(fast.status == 400 && fast.text.contains("0.1 s or more"))
            let unknown = try await reader.get("/api/v1/live?fields=x")
            #expect(unknown.status == 400 && unknown.text.contains("field, period"))
        }
    }
}
