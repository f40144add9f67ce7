import CerroTesting
import SiteConfig
import Telemetry
import Testing

@testable import CerroCommand

/// What each fact means, of a host with which all is well but for that.
@Suite("cerro doctor")
struct DoctorTests {
    typealias Change = @Sendable (inout DoctorFacts) -> Void

    private static let text = """
        site: test
        registry: {address: 10.0.0.1, port: 5560}
        keys: keys/
        reader: {listen: "127.0.0.1:8080", names: [cerro.example.org]}
        hosts:
          server:
            address: 10.0.0.1
            ports: 5561-5570
            agents:
              - {class: Aggregator, id: aggregator, start: [record]}
              - {class: Reader, id: reader, start: [serve]}
          cryo-pc:
            address: 10.0.0.2
            ports: 5561-5570
            agents: [{class: FakeData, id: fake-1}, {class: FakeData, id: rest, manage: manual}]
        """

    private static func row(_ instance: String, _ host: String, pid: Int64) -> InstanceRow {
        var row = InstanceRow(instance: instance, className: "Any", host: host)
        (row.state, row.pid, row.version) = (.alive, pid, "1.4.2")
        row.requests = "tcp://10.0.0.1:5561"
        return row
    }

    private static func listener(
        _ port: Int,
        _ pid: Int64,
        _ command: String
    ) -> DoctorFacts.Listener {
        let words = command.split(separator: " ").map(String.init)
        return .init(address: "10.0.0.1", port: port, holder: .init(pid: pid, command: words))
    }

    /// A host with which all is well, while the site runs.
    private static func fine() throws -> DoctorFacts {
        var facts = DoctorFacts(version: "1.4.2", siteFile: "site.yaml", machine: "server")
        let site = try TestSite.read(text)
        facts.site = site
        facts.host = site.hosts[0]
        facts.addresses = ["127.0.0.1", "10.0.0.1"]
        facts.resolved = [
            "10.0.0.1": ["10.0.0.1"], "10.0.0.2": ["10.0.0.2"], "127.0.0.1": ["127.0.0.1"],
            "cerro.example.org": ["10.0.0.1"],
        ]
        facts.listeners = [
            listener(5560, 10, "cerro agent run registry"), listener(5561, 11, "x"),
            listener(5562, 11, "x"),
        ]
        facts.fixedPorts = [
            .init(
                owner: "the registry",
                setting: "registry: {port: …}",
                address: "10.0.0.1",
                port: 5560
            ),
            .init(
                owner: "HTTP of reader",
                setting: "reader: {listen: …}",
                address: "127.0.0.1",
                port: 8080
            ),
        ]
        facts.keys = [.init(owner: "registry"), .init(owner: "aggregator"), .init(owner: "reader")]
        facts.isClockSynchronised = true
        facts.folders = [
            .init(purpose: .archive, path: "/data", device: 1, free: 1 << 40, need: 1 << 30),
            .init(purpose: .spool, path: "/spool", device: 2, free: 1 << 33, need: 3 << 30),
        ]
        facts.openFiles = 65_536
        facts.missingAssets = []
        facts.registry = .init(
            rows: [
                row("registry", "server", pid: 10), row("aggregator", "server", pid: 11),
                row("reader", "server", pid: 12), row("fake-1", "cryo-pc", pid: 11),
            ],
            clockOffset: .milliseconds(2),
            roundTrip: .milliseconds(1)
        )
        facts.handshakes = [
            .init(instance: "fake-1", host: "cryo-pc", endpoint: "tcp://10.0.0.2:5561")
        ]
        return facts
    }

    @Test("a host with which all is well is fine in every topic, with nothing to do")
    func allFine() throws {
        let report = DoctorDiagnosis.report(try Self.fine())
        #expect(report.findings.allSatisfy { $0.state == .ok && $0.advice.isEmpty })
        #expect(Set(report.findings.map(\.topic)) == Set(DoctorFinding.Topic.allCases))
        #expect(report.isFine && report.value["fine"] == true)
        let clock = report.findings.filter { $0.topic == .clock }.map(\.text)
        #expect(clock[1] == "this machine's clock is 2 ms behind the registry's (known to 500 µs)")
    }

    /// What is changed, what is found then and how it is, words of it and of what to do.
    private static let troubles:
        [(Change, DoctorFinding.Topic, DoctorFinding.State, String, String)] = [
            (
                { ($0.site, $0.host, $0.problems) = (nil, nil, ["site.yaml:3:1: error: no"]) },
                .site, .bad, "site.yaml:3:1: error: no", "cerro config check"
            ),
            (
                { $0.site?.hosts[0].agents[0].start = [] },
                .site, .warning, "aggregator does nothing until somebody starts `record`",
                "`start: [record]`"
            ),
            (
                { ($0.host, $0.hostProblem) = (nil, "this machine is called moon") },
                .names, .warning, "called moon", "--host NAME"
            ),
            (
                { $0.addresses = ["127.0.0.1", "10.0.0.7"] },
                .names, .bad, "has the address 10.0.0.1", "--host NAME"
            ),
            (
                { $0.resolved["10.0.0.2"] = [] },
                .names, .bad, "`10.0.0.2` of host cryo-pc is not known here", "/etc/hosts"
            ),
            (
                { $0.resolved["cerro.example.org"] = [] },
                .names, .warning, "`cerro.example.org`", "`names` of the reader"
            ),
            (
                { $0.listeners.append(listener(8080, 99, "nginx -g x")) },
                .ports, .ok, "8080 of HTTP of reader is free", ""
            ),
            (
                { $0.listeners.append(.init(address: "0.0.0.0", port: 8080, holder: nil)) },
                .ports, .ok, "8080 of HTTP of reader is held by a process of somebody else", ""
            ),
            (
                {
                    $0.listeners.append(
                        .init(address: "::", port: 8080, holder: .init(pid: 9, command: ["nginx"]))
                    )
                },
                .ports, .bad, "8080 of HTTP of reader is held by process 9 (nginx)",
                "reader: {listen: …}"
            ),
            (
                { $0.listeners.append(listener(5565, 99, "nginx")) },
                .ports, .warning, "of 5561-5570 somebody else takes 5565 by process 99 (nginx)",
                "before instances are added"
            ),
            (
                { facts in
                    for port in 5563...5568 { facts.listeners.append(listener(port, 99, "nginx")) }
                },
                .ports, .bad, "4 of 5561-5570 are left for host server, which needs 7",
                "larger range"
            ),
            (
                { $0.keys[1].problem = "aggregator.secret is not there" },
                .keys, .bad, "aggregator: aggregator.secret is not there", "cerro keys init"
            ),
            (
                { $0.keys[1] = .init(owner: "aggregator", problem: "denied", isClosed: true) },
                .keys, .warning, "those of aggregator in", "sudo -u cerro"
            ),
            (
                { $0.isClockSynchronised = false }, .clock, .warning, "keeps this machine's clock",
                "chrony"
            ),
            (
                { $0.keys.append(.init(owner: "ana", problem: "no key", isPersonal: true)) },
                .keys, .warning, "you, ana, have none: no key", "cerro keys new ana"
            ),
            (
                { $0.registry?.clockOffset = .seconds(-2) },
                .clock, .warning, "this machine's clock is 2 s ahead of the registry's", "chrony"
            ),
            (
                { $0.registry?.rows[3].clockOffset = .seconds(120) },
                .clock, .bad, "the clock of host cryo-pc is 2 min ahead of the registry's",
                "there: "
            ),
            (
                { $0.folders[1].problem = "/spool: Permission denied" },
                .disk, .bad, "the spool in /spool cannot be written by you: /spool: Perm",
                "install -d -o cerro /spool"
            ),
            ({ $0.folders[0].isRemote = true }, .disk, .bad, "NFS or SMB", "disk of this machine"),
            (
                { $0.folders[0].free = 1 << 20 },
                .disk, .bad, "1 MiB are free, and 1 GiB are its reserve", "free space"
            ),
            (
                { ($0.folders[0].device, $0.folders[0].free) = (2, 3 << 30) },
                .disk, .warning, "(archive and spool) may need 4 GiB", "a disk of its own"
            ),
            ({ $0.openFiles = 1024 }, .limits, .warning, "1,024 files", "LimitNOFILE=65536"),
            (
                { $0.missingAssets = ["/x/dygraph.min.js"] },
                .page, .warning, "/x/dygraph.min.js", "libjs-dygraphs"
            ),
            (
                { $0.registry?.rows[3].version = "1.3.9" },
                .versions, .ok, "1.3.9, a neighbour of 1.4.2, is run by fake-1", ""
            ),
            (
                { $0.registry?.rows[3].version = "1.2.0" },
                .versions, .warning, "1.2.0 is run by fake-1, and this program is 1.4.2",
                "same package"
            ),
            (
                { $0.registry?.rows[3].siteHash = "0123" },
                .versions, .warning, "another site file than site.yaml is run by fake-1", "copy"
            ),
            (
                { $0.registry?.rows[3].state = .missing },
                .reach, .bad, "fake-1 of host cryo-pc have not come", "on host cryo-pc: "
            ),
            (
                { $0.registry?.rows[3].state = .silent },
                .reach, .bad, "no heartbeat of fake-1, which was process 11", "host cryo-pc"
            ),
            (
                { $0.handshakes[0].problem = "refused" },
                .reach, .bad,
                "fake-1 on host cryo-pc does not let this machine in at tcp://10.0.0.2",
                "firewalls"
            ),
            (
                { ($0.registry, $0.registryProblem) = (nil, "no answer") },
                .reach, .bad, "the registry at 10.0.0.1:5560 cannot be asked: no answer", "nc -vz"
            ),
            (
                { ($0.registry, $0.listeners) = (nil, []) },
                .reach, .warning, "belongs to this host and does not run", "systemctl start"
            ),
        ]

    @Test(
        "every trouble is found, with what to do; a bad one ends with 1",
        arguments: troubles.indices
    )
    func trouble(index: Int) throws {
        let (change, topic, state, text, advice) = Self.troubles[index]
        var facts = try Self.fine()
        change(&facts)
        let report = DoctorDiagnosis.report(facts)
        let found = try #require(
            report.findings.first {
                $0.topic == topic && $0.state == state && $0.text.contains(text)
            },
            "\(report.findings.filter { $0.topic == topic })"
        )
        #expect(found.advice.contains(advice) && found.advice.isEmpty == (state == .ok))
        #expect(report.isFine == (state != .bad))
        let lines = report.lines(.kept(in: Transcript()))
        #expect(lines.contains { $0.hasPrefix(state.rawValue) && $0.contains(text) })
        #expect(state == .ok || lines.contains { $0.hasSuffix("to do: \(found.advice)") })
    }

    @Test("what is down by the site file is not missed; one problem is one line")
    func quiet() throws {
        var facts = try Self.fine()
        var rest = InstanceRow(instance: "rest", className: "FakeData", host: "cryo-pc")
        rest.state = .missing
        facts.registry?.rows.append(rest)
        #expect(DoctorDiagnosis.report(facts).isFine)
        (facts.site, facts.host, facts.problems) = (nil, nil, ["a", "b"])
        let found = DoctorDiagnosis.report(facts).findings
        #expect(found.filter { $0.state == .bad }.map(\.text) == ["a", "b"])
    }

    @Test("neighbouring versions differ by one in the second number, and in nothing before")
    func neighbours() {
        #expect(DoctorDiagnosis.areNeighbours("1.4.2", "1.5.0"))
        #expect(DoctorDiagnosis.areNeighbours("0.1.0", "0.1.9"))
        #expect(!DoctorDiagnosis.areNeighbours("1.4.2", "1.6.0"))
        #expect(!DoctorDiagnosis.areNeighbours("1.4.2", "2.4.2"))
        #expect(!DoctorDiagnosis.areNeighbours("1.4.2", "new"))
    }

    @Test("the kernel's tables are read: listening sockets only, IPv4 and IPv6, damage left out")
    func kernelTables() {
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n"
        let tail = "00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0"
        let table =
            head + "   0: 0100007F:15B8 \(tail) 4711 1 0 100\n"
            + "   1: 0100007F:15B9 0100007F:0016 01 00000000:00000000 00:0 0 0 0 4712 1 0\n"
            + "   2: 0100:15B9 \(tail) 4713 1 0\n   3: half\n"
            + "   4: 0000000000000000FFFF00000100007F:1F90 \(tail) 4714 1\n"
            + "   5: 00000000000000000000000000000000:1F91 \(tail) 4715 1\n"
        #expect(
            Listeners.rows(of: table) == [
                .init(address: "127.0.0.1", port: 5560, inode: 4711),
                .init(address: "127.0.0.1", port: 8080, inode: 4714),
                .init(address: "::", port: 8081, inode: 4715),
            ]
        )
    }

    // Goal: the kernel gives the table a page at a time, about 27 rows: all of them are seen.
    @Test("every port that is taken is seen with its holder, of however many")
    func allListeners() {
        let taken = (30_000..<32_000).lazy.compactMap { port in
            TakenPort(port).map { (port: port, socket: $0) }
        }
        let held = Array(taken.prefix(100))
        let found = Listeners.here()
        for (port, _) in held {
            #expect(found.contains { $0.port == port && $0.holder != nil }, "port \(port)")
        }
        #expect(held.count == 100)
        withExtendedLifetime(held) {}
    }
}
