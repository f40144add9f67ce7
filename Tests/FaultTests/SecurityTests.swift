import Access
import AgentClient
import CerroTesting
import Foundation
import Logging
import MessageBus
import Telemetry
import Testing
import ZeroMQ

@Suite(
    "Real processes with keys, in two network namespaces",
    .serialized,
    .timeLimit(.minutes(10)),
    .enabled(if: Privileges.makesNamespaces, "nobody may make namespaces here")
)
struct SecurityTests {
    private func untilServed(_ site: SecuredSite) async throws {
        try await eventually(
            "all are alive; said:\n\(site.said(by: "registry"))\n\(site.said(by: "far-1"))"
        ) {
            let status = try await site.run(["status", "--json"], as: "operator")
            let rows = status.output.components(separatedBy: "\"alive\"").count - 1
            return rows == 5 ? true : nil
        }
    }

    // Goal: the network is somebody else's. Method: all that crosses the cable is captured while
    // samples, commands and answers do; a word in plain text shows that the capture sees.
    @Test("all works across a network without root, and nothing on it can be read")
    func capture() async throws {
        let site = try await SecuredSite()
        let capture = try await Capture(of: site.network.cable, in: site.folder)
        try site.start()
        try await untilServed(site)
        let made = try await site.run(["keys", "new", "alice", "--role", "operate"])
        try #require(made.code == 0, "\(made.output)")
        // The samples of the far source cross the cable to the archive, and back to who asks.
        try await eventually("samples of the far source") {
            let got = try await site.run(
                ["get", "far-1.load.n", "--start", "-60", "--end", "0", "--max-points", "5"],
                as: "alice"
            )
            return got.code == 0 && got.output.contains("20") ? true : nil
        }
        let stopped = try await site.run(["call", "near-1", "load", "stop"], as: "alice")
        #expect(stopped.code == 0, "\(stopped.output)")
        let other = try RunningProgram(
            words: site.network.entering + [
                "bash", "-c",
                "exec 3<>/dev/tcp/\(site.network.near)/\(site.port); printf 'plain word' >&3",
            ]
        )
        try await other.untilEnd()
        try await site.stop()

        let bytes = try await capture.end()
        #expect(bytes.count > 20_000, "the capture has \(bytes.count) bytes")
        for word in ["CURVE", "plain word"] {
            #expect(bytes.range(of: Data(word.utf8)) != nil, "\(word) was not captured")
        }
        for word in [
            "far-1", "near-1", "load", "stop", "alice", "start", "table", "operation", "heartbeat",
            "fetch", "registry", "archive", "aggregator",
        ] {
            #expect(bytes.range(of: Data(word.utf8)) == nil, "\(word) was captured")
        }
    }

    // Goal: somebody who has no business here tries the ways in. Method: each attempt is made with
    // the program or the library that an attacker would have too.
    @Test("strangers, wrong roles and wrong names get nothing but a line in the log")
    func attempts() async throws {
        let site = try await SecuredSite()
        try site.start()
        try await untilServed(site)

        // No keys in the site file: the program itself does not begin.
        let open = site.folder.path + "/open.yaml"
        try site.siteText(keys: "").write(toFile: open, atomically: true, encoding: .utf8)
        let unkeyed = try await site.run(["status"], site: open)
        #expect(unkeyed.code == 2 && unkeyed.output.contains("keys"), "\(unkeyed.output)")

        // No keys at the socket: somebody speaks ZMTP without them.
        let peer = try RawPeer(site.network.near, port: site.port, patience: 2)
        peer.subscribe()
        try await eventually("the peer without keys is logged") {
            let said = site.said(by: "registry")
            return said.contains("a stranger was not let in") ? true : nil
        }

        // A key that nobody knows, with the right pinned key.
        let unknown = try site.client(.random())
        let refused = await #expect(throws: ClientError.self) {
            try await unknown.client.instances(timeout: .seconds(2))
        }
        #expect("\(try #require(refused))".contains("the key is not admitted"))

        // The key of one instance, for the name of another.
        let (far, bus) = try site.client(site.keys.pair(of: "far-1"))
        try await impersonate("aggregator", over: bus, of: site)
        // An instance commands nobody.
        let reply = try await far.request(
            "near-1",
            Action.stop,
            ["operation": .string("load")]
        )
        #expect(reply.code == .refused && reply.text.contains("the role `operate`"))

        let bobs = try await overreach(at: site)

        try await vouch(at: site)
        try await eventually("the audit is archived") {
            let audit = try await site.run(["audit"], as: "operator")
            return audit.output.contains("bob (key") ? true : nil
        }
        for bus in [unknown.bus, bus, bobs] { await bus.reactor.shutdown() }
        try await site.stop()
    }

    /// Somebody with a key and a role goes where it does not hold.
    private func overreach(at site: SecuredSite) async throws -> ZeroMQBus {
        // A person pulls no log, and commands only where the role is.
        let made = try await site.run(
            ["keys", "new", "bob", "--role", "operate", "--instance", "far*"]
        )
        try #require(made.code == 0, "\(made.output)")
        let wrong = try await eventually("bob is known") {
            let wrong = try await site.run(["call", "near-1", "load", "stop"], as: "bob")
            return wrong.code == 3 ? nil : wrong
        }
        #expect(wrong.code == 4 && wrong.output.contains("needs the role `operate`"))
        #expect(wrong.output.contains("has the role `observe` there"))
        let right = try await eventually("bob is known at the far end") {
            let right = try await site.run(["call", "far-1", "load", "stop"], as: "bob")
            return right.code == 3 ? nil : right
        }
        #expect(right.code == 0, "\(right.output)")
        let (bob, bobs) = try site.client(site.keys.pair(of: "bob"))
        let pulled = try await bob.request("far-1", Action.fetch)
        #expect(pulled.code == .refused && pulled.text.contains("the key of an instance"))
        return bobs
    }

    /// A reader asks for others: what they may do is looked up where it is done.
    private func vouch(at site: SecuredSite) async throws {
        var table = try site.keys.table()
        table.tokens.append(
            AccessTable.Token(
                id: "t1",
                name: "web",
                hash: "none",
                expires: nil,
                grants: [Grant(role: .operate, instances: ["near*"])]
            )
        )
        try site.keys.write(table)
        let stop: Value = ["operation": .string("load")]
        let web = Asker(name: "web", token: "t1", address: "203.0.113.9")
        let (reader, readers) = try site.client(site.keys.pair(of: "reader"))
        try await eventually("the token is known at near-1, and good for it") {
            try await reader.request("near-1", Action.stop, stop, for: web).code == .ok ? true : nil
        }
        let elsewhere = try await reader.request("far-1", Action.start, stop, for: web)
        #expect(elsewhere.code == .refused, "\(elsewhere.text)")
        let nobody = try await reader.request(
            "near-1",
            Action.start,
            stop,
            for: Asker(name: "operator")
        )
        #expect(nobody.code == .refused && nobody.text.contains("This site has keys"))
        // Who does not vouch asks for himself, whatever he says.
        let (far, bus) = try site.client(site.keys.pair(of: "far-1"))
        let claimed = try await far.request("near-1", Action.start, stop, for: web)
        #expect(claimed.code == .refused && claimed.text.contains("far-1 (key"))
        for bus in [readers, bus] { await bus.reactor.shutdown() }
    }

    private func impersonate(
        _ instance: String,
        over bus: ZeroMQBus,
        of site: SecuredSite
    ) async throws {
        let requester = Requester(
            bus: bus,
            endpoint: try site.registry(),
            timeSource: SystemTimeSource(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        var row = InstanceRow(instance: instance, className: "Aggregator", host: "there")
        row.state = .alive
        row.epoch = SystemTimeSource().now.nanoseconds
        let reply = try await requester.request(
            Action.register,
            target: "registry",
            arguments: ["row": row.value, "shows_lease": .bool(true)],
            timeout: .seconds(5)
        )
        #expect(reply.code == .refused && reply.text.contains("may not speak for \(instance)"))
        await requester.close()
    }

    // Goal: a key is stolen and revoked, while the thief is connected.
    @Test("a revoked key's open connections end within seconds, and those of others stay")
    func revocation() async throws {
        let site = try await SecuredSite()
        try site.start()
        try await untilServed(site)
        let made = try await site.run(["keys", "new", "eve", "--role", "operate"])
        try #require(made.code == 0, "\(made.output)")
        let (eve, eves) = try site.client(site.keys.pair(of: "eve"))
        let (boss, bosses) = try site.client(site.keys.pair(of: "operator"))
        for client in [eve, boss] {
            try await eventually("the key is known") {
                try await client.request("near-1", Action.status).code == .ok ? true : nil
            }
        }
        let stream = await eve.listen(to: ["near-1/"])
        _ = try await eve.instances()
        for await _ in stream { break }

        let revoked = try await site.run(["keys", "revoke", "eve"])
        try #require(revoked.code == 0, "\(revoked.output)")
        try await eventually("eve is out", within: .seconds(10)) {
            let reply = try? await eve.request("near-1", Action.status, timeout: .seconds(1))
            return reply == nil ? true : nil
        }
        // Another key takes the place without a restart.
        let again = try await site.run(["keys", "new", "eve", "--role", "observe"])
        try #require(again.code == 0, "\(again.output)")
        let (anew, anews) = try site.client(site.keys.pair(of: "eve"))
        try await eventually("the new key is known") {
            try await anew.request("near-1", Action.status).code == .ok ? true : nil
        }
        #expect(try await boss.request("near-1", Action.status).code == .ok)
        #expect(site.said(by: "near-1").contains("a key is revoked, its connections end"))
        for bus in [eves, bosses, anews] { await bus.reactor.shutdown() }
        try await site.stop()
    }
}
