import Access
import SiteConfig
import Telemetry
import Testing
import ZeroMQ

@Suite("who may do what")
struct AccessTableTests {
    private let reader: KeyPair
    private let agent: KeyPair
    private let alice: KeyPair
    private let bob: KeyPair
    private let table: AccessTable
    private let now = Timestamp(seconds: 1_000)

    init() throws {
        reader = try .random()
        agent = try .random()
        alice = try .random()
        bob = try .random()
        table = AccessTable(
            members: [
                .init(name: "reader", key: reader.publicKey, kind: .instance([.vouches])),
                .init(name: "LSA1", key: agent.publicKey, kind: .instance([])),
                .init(
                    name: "alice",
                    key: alice.publicKey,
                    kind: .person,
                    grants: [
                        Grant(role: .operate, instances: ["LSA*"], operations: ["acq*"]),
                        Grant(role: .engineer, instances: ["LSA1"], operations: ["set_heater"]),
                    ]
                ),
                .init(
                    name: "bob",
                    key: bob.publicKey,
                    kind: .person,
                    grants: [Grant(role: .admin)]
                ),
            ],
            tokens: [
                .init(
                    id: "t1",
                    name: "grafana",
                    hash: "h",
                    expires: Timestamp(seconds: 2_000),
                    grants: [Grant(role: .observe)]
                )
            ],
            revocations: [.init(name: "bob", key: bob.publicKey, at: Timestamp(seconds: 1))]
        )
    }

    private func decide(
        _ proof: Caller.Proof,
        _ needs: Need,
        _ instance: String,
        _ operation: String,
        at now: Timestamp? = nil
    ) -> Decision {
        table.decide(
            Caller(name: "x", proof: proof),
            needs: needs,
            instance: instance,
            operation: operation,
            at: now ?? self.now
        )
    }

    // Each row: who, what is needed, where, for what, and whether it is allowed.
    @Test("a grant counts at its instances, for its operations, up to its role")
    func grants() {
        let key = Caller.Proof.key(alice.publicKey.description)
        let rows: [(Need, String, String, Bool)] = [
            (.role(.operate), "LSA1", "acquire", true),
            (.role(.operate), "LSA1", "set_heater", true),
            (.role(.engineer), "LSA1", "set_heater", true),
            (.role(.engineer), "LSA2", "set_heater", false),
            (.role(.engineer), "LSA1", "acquire", false),
            (.role(.operate), "fridge", "acquire", false),
            (.role(.operate), "LSA2", "set_heater", false),
            (.role(.observe), "LSA2", "status", true),
            (.role(.observe), "fridge", "status", false),
            (.instance, "LSA1", "fetch", false),
        ]
        for (needs, instance, operation, isAllowed) in rows {
            let decision = decide(key, needs, instance, operation)
            #expect(decision.isAllowed == isAllowed, "\(needs) \(instance) \(operation)")
        }
    }

    @Test("an instance looks everywhere and speaks to instances, but commands nobody")
    func instances() {
        let key = Caller.Proof.key(agent.publicKey.description)
        #expect(decide(key, .instance, "registry", "register").isAllowed)
        #expect(!decide(key, .duty(.archives), "fridge", "fetch").isAllowed)
        #expect(decide(key, .role(.observe), "fridge", "status").isAllowed)
        #expect(!decide(key, .role(.operate), "fridge", "cool").isAllowed)
    }

    @Test("a refusal says which role is missing where, and which is there")
    func words() throws {
        let key = Caller.Proof.key(alice.publicKey.description)
        let start = alice.publicKey.description.prefix(8)
        let words =
            "`set_heater` of LSA2 needs the role `engineer`; x (key \(start)…) has the role "
            + "`operate` there: whoever keeps access.yaml grants it"
        #expect(decide(key, .role(.engineer), "LSA2", "set_heater") == .refused(words))
    }

    @Test("a revoked key, an unknown key and an ended token get nothing")
    func strangers() throws {
        let stranger = try KeyPair.random().publicKey.description
        #expect(
            !decide(.key(bob.publicKey.description), .role(.observe), "LSA1", "status").isAllowed
        )
        #expect(!decide(.key(stranger), .role(.observe), "LSA1", "status").isAllowed)
        #expect(table.member(key: bob.publicKey.description) == nil)
        #expect(table.member(named: "bob") == nil)
        #expect(decide(.token("t1"), .role(.observe), "LSA1", "status").isAllowed)
        #expect(!decide(.token("t1"), .role(.operate), "LSA1", "acquire").isAllowed)
        #expect(!decide(.token("t1"), .instance, "LSA1", "fetch").isAllowed)
        #expect(!decide(.token("t2"), .role(.observe), "LSA1", "status").isAllowed)
        let end = Timestamp(seconds: 2_000)
        #expect(!decide(.token("t1"), .role(.observe), "LSA1", "status", at: end).isAllowed)
    }

    @Test("without keys this machine may do all; with keys it may look")
    func local() {
        let caller = Caller(name: "x", proof: .local)
        func decide(_ table: AccessTable, _ needs: Need) -> Bool {
            table.decide(caller, needs: needs, instance: "a", operation: "b", at: now)
                .isAllowed
        }
        #expect(decide(.open, .role(.admin)) && decide(.open, .instance))
        #expect(decide(table, .role(.observe)))
        #expect(!decide(table, .role(.operate)) && !decide(table, .instance))
        #expect(AccessTable.open.member(key: alice.publicKey.description) == nil)
    }

    @Test("the text of a table reads back as the table")
    func text() throws {
        #expect(try AccessTable.read(table.text, file: "access.yaml") == table)
        #expect(try AccessTable.read(AccessTable().text, file: "access.yaml") == AccessTable())
    }

    @Test("what is wrong in the file is told with its place, all of it")
    func damage() throws {
        let key = alice.publicKey.description
        let text = """
            instances:
              - {id: a.b, key: "\(key)"}
              - {id: cryo, key: "\(key)"}
              - {id: cryo, key: "short"}
            people:
              - {name: carol, key: "\(key)", grants: [{role: boss}]}
              - {name: cryo, key: "\(bob.publicKey)", grants: [{role: observe, instances: ["a b"]}]}
              - {name: dan, key: "\(reader.publicKey)"}
            peopel: []
            """
        let error = #expect(throws: SiteError.self) {
            try AccessTable.read(text, file: "access.yaml")
        }
        let told = try #require(error).problems.map(\.description).joined(separator: "\n")
        for words in [
            "access.yaml:2:10: error: entry 1 of `instances` of the file: `id` is no name",
            "access.yaml:4:21: error: entry 3 of `instances` of the file: `key` is no public key",
            "`cryo` has the same key", "`role` of entry 1 of `grants`",
            "the name `cryo` is taken", "a pattern is a name in which `*` may stand",
            "`grants` is missing", "did you mean `people`",
        ] {
            #expect(told.contains(words), "\(words) in\n\(told)")
        }
    }
}
