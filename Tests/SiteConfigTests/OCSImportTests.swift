import SiteConfig
import Telemetry
import Testing

@Suite("import of OCS site files")
struct OCSImportTests {
    static let file = """
        hub:
          wamp_server: ws://10.10.10.3:8001/ws
          wamp_http: http://10.10.10.3:8001/call
          wamp_realm: test_realm
          address_root: observatory
          access_policy: director:access-dir
        hosts:
          localhost:
            crossbar: {bin: /usr/bin/crossbar}
            agent-instances:
              - {agent-class: HostManager, instance-id: hm1}
              - {agent-class: RegistryAgent, instance-id: registry, arguments: []}
              - agent-class: AggregatorAgent
                instance-id: aggregator
                arguments: [['--initial-state', 'record'], ['--data-dir', '/data/hk'],
                            ['--time-per-file', 7200]]
              - agent-class: InfluxDBAgent
                instance-id: influxagent
                arguments: ['--initial-state', 'record']
          cryo.pc:
            log-dir: logs
            agent-instances:
              - agent-class: Lakeshore372Agent
                instance-id: LSA22YE
                manage: docker/down
                arguments: ['--serial-number', 'LSA22YE', ['--ip-address', 10.10.10.4],
                            '--auto-acquire', '--dwell-time-delay', 5]
              - agent-class: FakeDataAgent
                instance-id: fake.data
                arguments: ['--mode', 'idle', '--num-channels', '16', '--sample-rate', 4]
              - agent-class: Hi6200Agent
                instance-id: LSA22YE
                arguments: ['--ip-address', '10.0.0.9', '--tcp-port', 502, '--offset', -3,
                            '--label', 'a$b: c', '--quiet', '--list', 1, 2]
        """

    @Test("both forms of arguments, and classes that have a counterpart")
    func converts() throws {
        let (yaml, _) = try OCSImport.convert(text: Self.file, file: "ocs.yaml")
        let site = try Site.load(text: yaml, file: "new.yaml", folder: "/", environment: [:])
        #expect(site.name == "observatory")
        #expect(site.registry.address == "10.10.10.3")
        #expect(site.keys == "/keys")
        #expect(site.archive.directory == "/data/hk/cerro")
        #expect(site.archive.rotate == .seconds(7200))
        #expect(site.hosts.map(\.name) == ["localhost", "cryo-pc"])
        #expect(site.hosts.map(\.address) == ["127.0.0.1", "cryo.pc"])
        #expect(site.hosts[0].agents.map(\.id) == ["aggregator", "reader"])
        #expect(site.hosts[0].agents[0].start.map(\.operation) == ["record"])

        let agents = site.hosts[1].agents
        #expect(agents.map(\.id) == ["LSA22YE", "fake-data", "LSA22YE-2"])
        #expect(agents.map(\.className) == ["Lakeshore372", "FakeData", "Hi6200"])
        #expect(agents[0].manage == .manual)
        #expect(agents[0].start.map(\.operation) == ["acquire"])
        #expect(agents[0].arguments.value == ["address": "10.10.10.4", "settle": "5 s"])
        #expect(agents[1].start.isEmpty)
        #expect(
            agents[2].arguments.value == [
                "ip-address": "10.0.0.9", "tcp-port": 502, "offset": -3, "label": "a$b: c",
                "quiet": true, "list": [1, 2],
            ]
        )
    }

    @Test(
        "what has no counterpart is noted, with its place",
        arguments: [
            "ocs.yaml:6:3: note: `hub: access_policy` has no counterpart",
            "ocs.yaml:9:5: note: `crossbar` of host localhost has no counterpart",
            "ocs.yaml:11:9: note: HostManager `hm1` is left out: `cerro host run` manages",
            "ocs.yaml:12:9: note: RegistryAgent `registry` is left out",
            "note: the archive of aggregator is `/data/hk/cerro`, beside the .g3 files",
            "note: InfluxDBAgent `influxagent` is left out: plots come from the archive",
            "note: an agent of class Reader was added",
            "note: host `cryo.pc` is named cryo-pc here",
            "note: the address of host cryo-pc is taken from its name: check it",
            "ocs.yaml:8:3: note: host localhost is on loopback, where other hosts cannot reach it",
            "note: LSA22YE ran in Docker",
            "note: `--serial-number` of LSA22YE has no counterpart",
            "note: the instance `fake.data` has the id fake-data here",
            "note: the instance `LSA22YE` has the id LSA22YE-2 here",
            "note: Cerro has no class Hi6200 yet; LSA22YE-2 keeps its arguments as a map",
        ]
    )
    func notes(words: String) throws {
        let (_, notes) = try OCSImport.convert(text: Self.file, file: "ocs.yaml")
        #expect(notes.contains { $0.contains(words) }, "\(notes)")
    }

    @Test(
        "what is no OCS site file is refused",
        arguments: ["", "a: [", "site: lab\nhosts: {}", "hub: {}\nhosts: {}", "hub: x\nhosts: y"]
    )
    func refuses(text: String) {
        #expect(throws: SiteError.self) { try OCSImport.convert(text: text, file: "ocs.yaml") }
    }

    @Test("strange names and texts still give a file that loads")
    func strange() throws {
        let text = """
            hub: {wamp_server: nowhere, address_root: "~"}
            hosts:
              "null":
                agent-instances:
                  - {agent-class: "Ünknown Agent", instance-id: "null", manage: maybe}
                  - agent-class: Agent
                    instance-id: registry
                    arguments: ["-x", "${HOME}", "é\\n"]
                  - {agent-class: AggregatorAgent, instance-id: "--"}
                  - {agent-class: AggregatorAgent, instance-id: b, arguments: [--data-dir, "a b"]}
                  - nothing
              "a b": {agent-instances: }
              "1:2": {}
            """
        let (yaml, _) = try OCSImport.convert(text: text, file: "ocs.yaml")
        let site = try Site.load(text: yaml, file: "new.yaml", folder: "/", environment: [:])
        #expect(site.hosts.count == 3)
        let agents = site.hosts[0].agents
        #expect(agents.map(\.id) == ["null", "registry-2", "unnamed", "b", "reader"])
        #expect(agents[1].arguments["x"]?.value == ["${HOME}", "é\n"])
        #expect(agents[3].arguments["archive"]?["directory"]?.text == "a b/cerro")
    }
}
