import CerroTesting
import Foundation
import Telemetry
import Testing

private let fake =
    "{class: FakeData, id: fake-1, start: [load], arguments: {load: {fields: 2, rate: 50}}}"

@Suite("What others ask over HTTP", .serialized, .timeLimit(.minutes(10)))
struct BrowserTests {
    // Goal: Grafana's data source is Prometheus' own; promtool asks as that does.
    @Test("promtool reads instants, ranges, labels and series of a running site")
    func promtool() async throws {
        try await ProcessSite.run(agents: [fake]) { site in
            try await site.untilArchived(100, of: "fake-1.load.n")
            let base = "http://127.0.0.1:\(try await site.untilServed())/prometheus"
            let ask = { (words: [String]) async throws -> String in
                let program = try RunningProgram(words: ["promtool", "query"] + words)
                let end = try await program.untilEnd()
                #expect(end == .code(0), "\(words): \(program.output)")
                return program.output
            }
            let instant = try await ask(["instant", base, "load_n{agent='fake-1'}"])
            #expect(instant.contains(#"class="FakeData""#) && instant.contains("=>"))
            let sum = try await ask(["instant", base, "1+1"])
            #expect(sum.contains("2"))
            let range = try await ask(["range", "--step=1s", base, "max_over_time(load_n[1s])"])
            #expect(range.contains("@["))
            let labels = try await ask(["labels", base, "agent"])
            #expect(labels.split(separator: "\n").contains("fake-1"))
            let series = try await ask(["series", "--match=load_n", base])
            #expect(series.contains(#"field="n""#))
        }
    }

    @Test("promtool finds nothing wrong with the metrics, and the aggregator's are among them")
    func metrics() async throws {
        try await ProcessSite.run(agents: [fake]) { site in
            try await site.untilArchived(100, of: "fake-1.load.n")
            let address = "http://127.0.0.1:\(try await site.untilServed())/metrics"
            let page = try await eventually("a row of the aggregator's feed") {
                let page = try RunningProgram(words: ["curl", "-s", address])
                try await page.untilEnd()
                return page.output.contains("cerro_aggregator_lag_seconds{") ? page.output : nil
            }
            #expect(page.contains(#"cerro_site_agents{state="alive"} 4"#), "\(page)")
            #expect(page.contains(#"cerro_feed_completeness_ratio{agent="fake-1",feed="load"} 1"#))
            let check = try RunningProgram(
                words: ["sh", "-c", "curl -s \(address) | promtool check metrics"]
            )
            #expect(try await check.untilEnd() == .code(0))
            #expect(check.output.isEmpty, "\(check.output)")
        }
    }

    @Test("an event stream shows samples and agents, and operations start over HTTP")
    func events() async throws {
        try await ProcessSite.run(agents: [fake]) { site in
            let base = "http://127.0.0.1:\(try await site.untilServed())/api/v1"
            let stream = try RunningProgram(
                words: ["curl", "-sN", "\(base)/live?field=fake-1.load&period=0.1"]
            )
            let samples = try await eventually("two events of samples") {
                let lines = stream.lines.filter { $0.hasPrefix("data: [[\"fake-1.load.") }
                return lines.count >= 2 ? lines : nil
            }
            #expect(samples[0] != samples[1])
            try await eventually("the row of the agent") {
                stream.output.contains(#""instance":"fake-1""#) ? true : nil
            }
            stream.kill(SIGTERM)
            try await stream.untilEnd()
            let stop = try RunningProgram(
                words: ["curl", "-s", "-XPOST", "\(base)/agents/fake-1/ops/load/stop"]
            )
            try await stop.untilEnd()
            #expect(stop.output.contains(#""code":"ok""#), "\(stop.output)")
            try await eventually("the end of the load") {
                let status = try RunningProgram(
                    words: ["curl", "-s", "\(base)/agents/fake-1/ops/load/status"]
                )
                try await status.untilEnd()
                return status.output.contains(#""status":"done""#) ? true : nil
            }
        }
    }
}
