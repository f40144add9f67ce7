import Access
import Foundation
import Telemetry
import Testing
import ZeroMQ

@testable import CerroCommand

@Suite("cerro keys")
struct KeysCommandTests {
    private let folder: TemporaryFolder
    private let keys: KeyFolder

    init() throws {
        folder = TemporaryFolder()
        keys = KeyFolder(folder.path("keys"))
        try write("keys: keys/")
    }

    private func write(_ line: String) throws {
        let text = """
            site: test
            registry: {address: 127.0.0.1, port: 5560}
            \(line)
            archive: {directory: archive}
            hosts:
              here:
                address: 127.0.0.1
                ports: 5561-5600
                agents:
                  - {class: Aggregator, id: aggregator}
                  - {class: Reader, id: reader}
            """
        try text.write(toFile: folder.path("site.yaml"), atomically: true, encoding: .utf8)
    }

    private func run(_ words: String...) async -> (code: Int32, answers: String, notes: String) {
        let transcript = Transcript()
        let code = await CommandLineTool.run(
            ["keys"] + words + ["--site", folder.path("site.yaml")],
            console: .kept(in: transcript)
        )
        return (code, transcript.answers, transcript.notes)
    }

    @Test("init makes the keys of all instances and of the operator, and again changes nothing")
    func initialize() async throws {
        let first = await run("init")
        #expect(
            first.code == 0
                && first.notes.contains("registry, aggregator, reader, host-here, operator")
        )
        let table = try keys.table()
        #expect(
            table.members.map(\.name) == [
                "registry", "aggregator", "reader", "host-here", "operator",
            ]
        )
        #expect(table.member(named: "reader")?.kind == .instance([.vouches]))
        #expect(table.member(named: "aggregator")?.kind == .instance([.archives]))
        #expect(table.member(named: "operator")?.grants == [Grant(role: .admin)])
        for member in table.members {
            #expect(try keys.pair(of: member.name).publicKey == member.key)
        }
        #expect(try keys.registryKey() == table.member(named: "registry")?.key)

        let again = await run("init")
        #expect(again.code == 0 && again.notes.contains("all instances have their keys"))
        #expect(try keys.table() == table)
    }

    @Test("init gives instances the duties that an older table does not")
    func duties() async throws {
        _ = await run("init")
        var table = try keys.table()
        for index in table.members.indices where table.members[index].name == "aggregator" {
            table.members[index].kind = .instance([])
        }
        try keys.write(table)
        let key = table.member(named: "aggregator")?.key
        #expect(await run("init").code == 0)
        #expect(try keys.table().member(named: "aggregator")?.kind == .instance([.archives]))
        #expect(try keys.table().member(named: "aggregator")?.key == key)
    }

    @Test("init that died in between is gone on with")
    func interrupted() async throws {
        _ = await run("init")
        let table = try keys.table()
        try FileManager.default.removeItem(atPath: keys.accessFile)
        try FileManager.default.removeItem(atPath: keys.registryFile)
        #expect(await run("init").code == 0)
        #expect(try keys.table() == table)
        #expect(try keys.registryKey() == table.member(named: "registry")?.key)
    }

    @Test("a new key may look everywhere, and do what it is given where it is given")
    func new() async throws {
        _ = await run("init")
        let made = await run("new", "alice", "--role", "operate", "--instance", "LSA*")
        #expect(made.code == 0 && made.notes.contains("alice.secret"))
        let member = try #require(try keys.table().member(named: "alice"))
        #expect(
            member.grants == [Grant(role: .observe), Grant(role: .operate, instances: ["LSA*"])]
        )
        #expect(try keys.pair(of: "alice").publicKey == member.key)
        #expect(await run("new", "bob").code == 0)
        #expect(try keys.table().member(named: "bob")?.grants == [Grant(role: .observe)])
        #expect(!(made.notes + made.answers).contains(try keys.pair(of: "alice").secret))
    }

    // Each row: the words, and what the refusal says.
    @Test("what cannot be is refused with what to do")
    func refusals() async throws {
        let early = await run("new", "alice")
        #expect(early.code == 2 && early.notes.contains("cerro keys init"))
        _ = await run("init")
        let rows: [([String], String)] = [
            (["new", "operator"], "cerro keys revoke operator"),
            (["new", "reader"], "has a key already"),
            (["new", "a b"], "is no name"),
            (["new", "carol", "--role", "boss"], "is no role"),
            (["new", "carol", "--instance", "a.b"], "is no pattern"),
            (["revoke", "operater"], "did you mean `operator`?"),
        ]
        for (words, expected) in rows {
            let transcript = Transcript()
            let code = await CommandLineTool.run(
                ["keys"] + words + ["--site", folder.path("site.yaml")],
                console: .kept(in: transcript)
            )
            #expect(code == 2 && transcript.notes.contains(expected), "\(words)")
        }
        try write("")
        let open = await run("init")
        #expect(open.code == 2 && open.notes.contains("Write `keys: keys/`"))
    }

    @Test("a revoked key stays revoked; an instance gets another one by init")
    func revoke() async throws {
        _ = await run("init")
        let old = try keys.pair(of: "aggregator").publicKey
        #expect(await run("revoke", "aggregator").code == 0)
        var table = try keys.table()
        #expect(table.member(key: old.description) == nil)
        #expect(table.revocations.map(\.key) == [old])
        #expect(!keys.hasPair(of: "aggregator"))

        #expect(await run("init").code == 0)
        table = try keys.table()
        let new = try #require(table.member(named: "aggregator")?.key)
        #expect(new != old && table.revocations.map(\.key) == [old])
        #expect(try keys.pair(of: "aggregator").publicKey == new)
    }

    @Test("list shows who may what, without secrets")
    func list() async throws {
        _ = await run("init")
        _ = await run("new", "alice", "--role", "engineer", "--operation", "set_*")
        _ = await run("revoke", "operator")
        let text = await run("list").answers
        #expect(text.contains("observe; engineer for set_*") && text.contains("revoked"))
        let json = await run("list", "--json").answers
        let value = try #require(
            try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
        )
        #expect((value["members"] as? [Any])?.count == 5)
        #expect((value["revoked"] as? [Any])?.count == 1)
        for name in ["registry", "alice"] {
            #expect(!json.contains(try keys.pair(of: name).secret))
        }
    }
}
