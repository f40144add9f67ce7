import CerroTesting
import Foundation
import HTTPTypes
import Telemetry
import Testing

@testable import Reader

@Suite("Metrics and health say how the reader and its site are", .timeLimit(.minutes(10)))
struct MetricsTests {
    private let feed = Feed("temps", fields: [Field("stage", unit: .kelvin)], period: .seconds(1))

    private func archive() throws -> TemporaryArchive {
        let archive = try TemporaryArchive()
        try archive.commit("cryo", feed, block(0, [4, 5, 6, 7]))
        return archive
    }

    private static func site() -> FixedSite {
        var cryo = InstanceRow(instance: "cryo", className: "Lakeshore372", host: "dome")
        (cryo.state, cryo.epoch, cryo.published, cryo.audited) = (.alive, 7, 42, 7)
        cryo.faults = [
            Fault(id: "instrument.silent", severity: .error, since: at(0), text: "no reply")
        ]
        return FixedSite([
            cryo, InstanceRow(instance: "rot", className: "Rotator", host: "dome"),
        ])
    }

    // Goal: any scraper reads the page.
    // Method: the rules of OpenMetrics' text form, line by line.
    @Test("every family has HELP, TYPE and UNIT before its numbers, and the page has an end")
    func grammar() async throws {
        let archive = try archive()
        try await withReader(archive.path, site: Self.site()) { reader in
            _ = try await reader.get("/api/v1/agents")
            _ = try await reader.get("/api/v1/data?field=cryo.*&start=-1h")
            let page = try await reader.get(
                "/metrics",
                accept: "application/openmetrics-text; version=1.0.0"
            )
            #expect(
                page.headers[.contentType]
                    == "application/openmetrics-text; version=1.0.0; charset=utf-8"
            )
            #expect(page.text.hasSuffix("\n# EOF\n"))
            var titles: [String] = []
            var told: Set<String> = []
            for line in page.text.split(separator: "\n").dropLast() {
                let words = line.split(separator: " ").map(String.init)
                if words[0] == "#" {
                    if words[1] == "HELP" { titles.append(words[2]) }
                    #expect(words[2] == titles.last, "\(line)")
                    if words[1] == "UNIT" { #expect(words[2].hasSuffix("_" + words[3])) }
                    #expect(told.insert(words[1] + " " + words[2]).inserted, "\(line)")
                    continue
                }
                let name = String(words[0].prefix { $0 != "{" })
                let title = try #require(titles.last)
                let suffixes = ["", "_total", "_count", "_sum"]
                #expect(suffixes.contains { title + $0 == name }, "\(line)")
                #expect(Double(words.last ?? "") != nil, "\(line)")
            }
            #expect(Set(titles).count == titles.count && told.count == 3 * titles.count)
        }
    }

    @Test("queries, bytes, cache, files, lag, completeness, agents and faults are counted")
    func numbers() async throws {
        let archive = try archive()
        try await withReader(archive.path, site: Self.site()) { reader in
            _ = try await reader.get("/api/v1/agents")
            _ = try await reader.get("/api/v1/data?field=cryo.*&start=-1h")
            _ = try await reader.get("/prometheus/api/v1/query?query=temps_stage")
            let page = try await reader.get("/metrics")
            #expect(page.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
            for line in [
                #"cerro_reader_queries_total{kind="data",outcome="answered"} 1"#,
                #"cerro_reader_queries_total{kind="promql",outcome="answered"} 1"#,
                #"cerro_reader_query_seconds_count{kind="data"} 1"#,
                #"cerro_archive_files{kind="journal"} 1"#,
                #"cerro_archive_files{kind="sealed"} 0"#,
                "cerro_archive_newest_timestamp_seconds 1795240803",
                "cerro_archive_lag_seconds 97",
                #"cerro_feed_completeness_ratio{agent="cryo",feed="temps"} 1"#,
                #"cerro_site_agents{state="alive"} 1"#,
                #"cerro_site_agents{state="missing"} 1"#,
                #"cerro_open_faults{severity="error"} 1"#,
                #"cerro_agent_published_records_total{agent="cryo",class="Lakeshore372"} 42"#,
                #"cerro_agent_audited_records_total{agent="cryo",class="Lakeshore372"} 7"#,
                "# TYPE cerro_agent_published_records_total counter",
            ] {
                #expect(page.text.contains("\(line)\n"), "\(line) is not in\n\(page.text)")
            }
            #expect(!page.text.contains("cerro_reader_sent_bytes_total 0\n"))
        }
    }

    @Test("labels and help are escaped")
    func escaping() {
        var text = MetricsText(.openMetrics)
        text.add(
            .gauge,
            "x",
            unit: "bytes",
            help: "one \"line\"\nor two",
            [.init(.infinity, ("agent", "a\\b\"c\nd"))]
        )
        #expect(
            String(decoding: text.bytes, as: UTF8.self) == #"""
                # HELP cerro_x_bytes one \"line\"\nor two
                # TYPE cerro_x_bytes gauge
                # UNIT cerro_x_bytes bytes
                cerro_x_bytes{agent="a\\b\"c\nd"} +Inf
                # EOF

                """#
        )
    }

    @Test("a reader is ready once its archive is open, and says why not before")
    func readiness() async throws {
        let archive = try archive()
        try await withReader(archive.path) { reader in
            let ready = try await reader.get("/readyz")
            #expect(ready.status == 200 && ready.text == "{\"status\":\"ready\"}\n")
        }
        let file = FileManager.default.temporaryDirectory.path + "/no-archive-\(UUID().uuidString)"
        try "not a folder".write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        try await withReader(file) { reader in
            let unready = try await reader.get("/readyz")
            #expect(unready.status == 503 && unready.text.contains(file), "\(unready.text)")
            #expect(try await reader.get("/healthz").status == 200)
            #expect(try await reader.get("/metrics").status == 200)
        }
    }

    @Test("an archive that was not looked at for long is not current")
    func stale() async throws {
        let archive = try archive()
        let time = ManualTimeSource(at(100))
        let service = QueryService(
            directory: archive.path,
            holder: "test",
            cache: 1 << 20,
            time: time
        )
        #expect(service.unreadiness == "the archive is being opened")
        try await service.refresh()
        #expect(service.unreadiness == nil)
        time.jump(by: ReaderLimits.readyAge + .seconds(1))
        #expect(service.unreadiness == "the archive was looked at 16 s ago")
    }
}
