import CerroTesting
import Foundation
import Telemetry
import Testing

@testable import InstrumentAgents

/// A folder with the files of a small host.
private enum FixtureHost {
    /// Runs `body` with the root of a small host, and removes it afterwards.
    static func run(_ body: (_ root: String) async throws -> Void) async throws {
        let root = FileManager.default.temporaryDirectory.path + "/host-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: root) }
        for (path, text) in files {
            let file = URL(fileURLWithPath: root + path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(text.utf8).write(to: file)
        }
        try await body(root)
    }

    static let files = [
        "/proc/loadavg": "0.67 0.86 0.87 4/138 7905\n",
        "/proc/uptime": "3600.25 7000.50\n",
        "/proc/1/stat": "", "/proc/42/stat": "", "/proc/self/mounts": mounts,
        "/proc/stat": "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2 3\n",
        "/proc/meminfo":
            "MemTotal:    1000 kB\nMemFree: 10 kB\nMemAvailable: 500 kB\nSwapTotal: 0 kB\n"
            + "SwapFree: 0 kB\nHugePages_Total: 0\n",
        "/proc/diskstats": "   8       1 sda1 10 0 20 0 5 0 40 0 0 0 0\n",
        "/proc/net/dev":
            "Inter-| Receive\n face |bytes\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"
            + "eth0.7:1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n",
        "/sys/class/hwmon/hwmon0/name": "coretemp\n",
        "/sys/class/hwmon/hwmon0/temp1_input": "45500\n",
        "/sys/class/hwmon/hwmon0/temp1_label": "Package id 0\n",
        "/sys/class/hwmon/hwmon0/temp2_input": "-1000\n",
        "/sys/class/thermal/thermal_zone0/temp": "27800\n",
        "/sys/class/thermal/thermal_zone0/type": "acpitz\n",
        "/data disk/readme": "",
    ]

    static let mounts =
        "proc /proc proc rw 0 0\n/dev/sda1 / ext4 rw 0 0\n/dev/sda1 /bind ext4 rw 0 0\n"
        + "server:/x /far nfs4 rw 0 0\n/dev/sdb1 /data\\040disk xfs rw 0 0\n"
}

@Suite("Host metrics", .timeLimit(.minutes(10)))
struct HostMetricsTests {
    /// Publishes two rows a second apart, with `change` between them.
    private func twoRows(
        of agent: HostMetricsAgent,
        feed: String,
        _ change: @Sendable () throws -> Void = {}
    ) async throws -> RecordingSession.Seen {
        let recorder = RecordingSession()
        let last = agent.feeds.last?.name ?? feed
        try await withRunning({ try await agent.acquire(recorder.session) }) {
            await recorder.wait { $0.rows(last) == 1 }
            try change()
            await recorder.manual.advance(by: .seconds(1))
            await recorder.wait { $0.rows(last) == 2 }
        }
        return recorder.seen
    }

    @Test("the fields are what the host has")
    func fields() async throws {
        try await FixtureHost.run { root in
            let agent = HostMetricsAgent(root: root, period: .seconds(1))
            for feed in agent.feeds { try feed.check() }
            let fields = Dictionary(
                uniqueKeysWithValues: agent.feeds.map { ($0.name, $0.fields.map(\.name)) }
            )
            #expect(
                fields["disks"] == [
                    "root_total", "root_free", "root_read", "root_written", "data_disk_total",
                    "data_disk_free",
                ]
            )
            #expect(fields["network"] == ["eth0_7_received", "eth0_7_sent", "eth0_7_errors"])
            #expect(
                fields["temperatures"] == [
                    "coretemp_package_id_0", "coretemp_temp2", "zone_acpitz",
                ]
            )
            #expect(fields["memory"] == ["total", "available", "swap_total", "swap_free"])
            #expect(fields.keys.contains("load"))
        }
    }

    @Test("the numbers are those of the kernel; what disappears is missing, never zero")
    func numbers() async throws {
        try await FixtureHost.run { root in
            let agent = HostMetricsAgent(root: root, period: .seconds(1))
            let seen = try await twoRows(of: agent, feed: "load") {
                let write = { (path: String, text: String) in
                    try Data(text.utf8).write(to: URL(fileURLWithPath: root + path))
                }
                try write("/proc/stat", "cpu  175 0 100 825 0 0 0 0 0 0\n")
                try write("/proc/diskstats", "")
                try write("/proc/net/dev", "")
                try write("/proc/self/mounts", "/dev/sda1 / ext4 rw 0 0\n")
                try FileManager.default.removeItem(
                    atPath: root + "/sys/class/hwmon/hwmon0/temp1_input"
                )
            }
            func values(_ feed: String, _ field: String) throws -> [Value?] {
                seen.values(try #require(agent.feeds.first { $0.name == feed }), field)
            }
            #expect(try values("load", "load_5") == [.double(0.86), .double(0.86)])
            #expect(try values("load", "processes") == [.int(2), .int(2)])
            #expect(try values("load", "busy") == [nil, .double(75)])
            #expect(try values("load", "uptime").first == .double(3600.25))
            #expect(try values("memory", "available").first == .int(512_000))
            #expect(try values("disks", "root_read") == [.int(10_240), nil])
            #expect(try values("disks", "root_written") == [.int(20_480), nil])
            #expect(try values("disks", "root_total").allSatisfy { $0 != nil })
            #expect(try values("disks", "data_disk_total").map { $0 != nil } == [true, false])
            #expect(try values("network", "eth0_7_received") == [.int(1000), nil])
            #expect(try values("network", "eth0_7_errors") == [.int(10), nil])
            #expect(try values("temperatures", "coretemp_package_id_0") == [.double(45.5), nil])
            #expect(try values("temperatures", "zone_acpitz") == [.double(27.8), .double(27.8)])
        }
    }

    @Test("a host without any of the files makes an agent without feeds")
    func nothing() async throws {
        let agent = HostMetricsAgent(root: "/does-not-exist", period: .seconds(1))
        #expect(agent.feeds.isEmpty)
        let recorder = RecordingSession()
        try await withRunning({ try await agent.acquire(recorder.session) }) {
            await recorder.wait { $0.degraded?.contains("there is nothing to read") == true }
        }
    }

    @Test("the host that runs this test has load, memory and a plausible uptime")
    func realHost() async throws {
        let agent = HostMetricsAgent(root: "/", period: .seconds(1))
        for feed in agent.feeds { try feed.check() }
        let load = try #require(agent.feeds.first { $0.name == "load" })
        let memory = try #require(agent.feeds.first { $0.name == "memory" })
        let seen = try await twoRows(of: agent, feed: "load")
        #expect(try #require(seen.values(load, "uptime").first??.double) > 0)
        #expect(try #require(seen.values(load, "processes").first??.int) > 1)
        #expect(try #require(seen.values(memory, "total").first??.int) > 1 << 24)
        #expect(seen.refused.isEmpty)
    }

    @Test("names of fields hold nothing that a name cannot, and each once")
    func names() {
        var names = FieldNames()
        #expect(names.unique("/data/Cerro x") == "data_cerro_x")
        #expect(names.unique("/data/cerro_x/") == "data_cerro_x_2")
        #expect(names.unique("///") == "item")
        #expect(names.unique("-é-") == "item_2")
        #expect(HostLayout.unescaped("/a\\040b\\134c\\0") == "/a b\\c\\0")
    }
}
