import CerroTesting
import Foundation
import Telemetry
import Testing

/// A supervised site with keys, whose reader speaks TLS.
private struct TLSSite {
    let folder: TemporaryFolder
    let up: RunningProgram
    let port: Int

    var file: String { folder.path + "/site.yaml" }

    init() async throws {
        folder = try TemporaryFolder()
        let text = """
            site: test
            registry: {address: 127.0.0.1, port: \(try TakenPort.free())}
            keys: keys/
            archive: {directory: archive, rotate: 1 s, reserve: 0 B}
            spool: {directory: spool, size: 64 MiB}
            reader: {listen: "127.0.0.1:0", tls: {certificate: cert.pem, key: key.pem}}
            hosts:
              here:
                address: 127.0.0.1
                ports: 0
                agents:
                  - {class: Aggregator, id: aggregator, start: [record]}
                  - {class: Reader, id: reader, start: [serve]}
                  - {class: FakeData, id: fake-1, arguments: {channels: 1, rate: 20}}
            """
        let file = folder.path + "/site.yaml"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let certificate = try RunningProgram(
            words: [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                "-addext", "subjectAltName=DNS:localhost",
                "-keyout", folder.path + "/key.pem", "-out", folder.path + "/cert.pem",
            ]
        )
        #expect(try await certificate.untilEnd() == .code(0), "\(certificate.output)")
        let keys = try await RunningProgram.run(["keys", "init", "--site", file])
        #expect(keys.code == 0, "\(keys.output)")
        let program = try RunningProgram(["up", "--host", "here", "--site", file])
        up = program
        port = try await eventually("HTTP of the reader") {
            let words = ["call", "reader", "serve", "status", "--json", "--site", file]
            let (_, output) = try await RunningProgram.run(words)
            let line = output.split(separator: "\n").first { $0.hasPrefix("{") }
            let answer = try line.map { try Value(json: String($0)) }
            return (answer?["session"]?["data"]?["port"]?.int).map(Int.init)
        }
    }

    /// Runs `cerro` with words.
    func cerro(_ words: [String]) async throws -> (code: Int32?, output: String) {
        try await RunningProgram.run(words + ["--site", file])
    }

    /// The first line of JSON that `cerro` prints.
    func json(_ words: [String]) async throws -> Value {
        let (code, output) = try await cerro(words + ["--json"])
        let line = output.split(separator: "\n").first { $0.hasPrefix("{") || $0.hasPrefix("[") }
        try #require(code == 0, "\(words): \(output)")
        return try Value(json: String(line ?? ""))
    }

    /// Asks over HTTP; the status and the body.
    func curl(_ path: String, _ words: [String] = []) async throws -> (Int, String) {
        let program = try RunningProgram(
            words: ["curl", "-s", "-w", "\n%{http_code}", "--cacert", folder.path + "/cert.pem"]
                + words + ["https://localhost:\(port)\(path)"]
        )
        try await program.untilEnd()
        let lines = program.output.split(separator: "\n", omittingEmptySubsequences: false)
        return (Int(lines.last ?? "") ?? 0, lines.dropLast().joined(separator: "\n"))
    }

    func stop() async throws {
        up.kill(SIGINT)
        #expect(try await up.untilEnd() == .code(0))
    }
}

@Suite("Tokens of a running site", .serialized, .timeLimit(.minutes(10)))
struct TokenProcessTests {
    // Goal: somebody gets a token, works with it, and loses it; the agent's own audit has the name.
    @Test("a token commands as far as it says, under its name, until it is revoked")
    func token() async throws {
        let site = try await TLSSite()
        let path = "/api/v1/agents/fake-1/ops/acquire"
        #expect(try await site.curl(path + "/status").0 == 401)
        let made = try await site.json(["token", "new", "alice", "--role", "operate"])
        let looker = try await site.json(["token", "new", "looker"])
        let (token, id) = (made["token"]?.string ?? "", made["id"]?.string ?? "")
        let alice = ["-H", "Authorization: Bearer \(token)"]
        let watching = ["-H", "Authorization: Bearer \(looker["token"]?.string ?? "")"]
        try await eventually("the reader knows the tokens") {
            let (first, second) = try await (
                site.curl("/api/v1/me", alice).0, site.curl("/api/v1/me", watching).0
            )
            return first == 200 && second == 200 ? true : nil
        }
        let refused = try await site.curl(path + "/start", ["-XPOST"] + watching)
        #expect(refused.0 == 403 && refused.1.contains("needs the role `operate`"), "\(refused)")
        let started = try await site.curl(path + "/start", ["-XPOST"] + alice)
        #expect(started.0 == 200, "\(started.1)")
        let taken = try await site.curl(
            "/api/v1/agents/fake-1/control/take",
            ["-d", #"{"reason":"tests","seconds":600}"#] + alice
        )
        #expect(taken.0 == 200, "\(taken.1)")
        // The operator's own key is somebody else, who is an admin and may break it.
        let (code, output) = try await site.cerro(["call", "fake-1", "acquire", "stop"])
        #expect(code == 4 && output.contains("alice has control until"), "\(output)")
        let broken = try await site.cerro(
            ["control", "fake-1", "take", "--reason", "urgent", "--break"]
        )
        #expect(broken.code == 0, "\(broken.output)")
        let audit = try await eventually("what alice did is archived") {
            let rows = try await site.json(["audit", "fake-1", "--who", "alice"]).array ?? []
            return rows.contains { $0["action"] == "take" && $0["outcome"] == "done" } ? rows : nil
        }
        #expect(audit.map { $0["action"]?.string } == ["start", "take"])
        #expect(audit.allSatisfy { $0["proof"] == .string("token:\(id)") })
        #expect(audit.allSatisfy { $0["address"] == "127.0.0.1" })
        #expect(audit.last?["reason"]?.string?.hasPrefix("broken by operator") == true)
        let doors = try await eventually("the refusal is in the reader's audit") {
            let rows = try await site.json(["audit", "reader", "--who", "looker"]).array ?? []
            return rows.isEmpty ? nil : rows
        }
        #expect(doors.first?["operation"]?.string == "POST " + path + "/start")
        try await Self.revoke(alice, id, site)
        #expect(try await site.curl("/api/v1/me", watching).0 == 200)
        let list = try await site.cerro(["token", "list"])
        #expect(list.output.contains("looker") && !list.output.contains("alice"))
        try await site.stop()
        // What was secret is in no file that the site has written.
        let secret = token.suffix(64)
        let grep = try RunningProgram(words: ["grep", "-r", String(secret), site.folder.path])
        #expect(try await grep.untilEnd() == .code(1), "\(grep.output)")
    }

    /// Revokes the token of alice, who shows it by `words`, while she looks at an event stream.
    private static func revoke(
        _ alice: [String],
        _ id: String,
        _ site: TLSSite
    ) async throws {
        let stream = try RunningProgram(
            words: ["curl", "-sN", "--cacert", site.folder.path + "/cert.pem"] + alice
                + ["https://localhost:\(site.port)/api/v1/live?period=0.2"]
        )
        try await eventually("the stream has begun") {
            stream.output.contains("event: agents") ? true : nil
        }
        let revoked = try await site.cerro(["token", "revoke", "alice"])
        #expect(revoked.code == 0 && revoked.output.contains("\(id) of alice has ended"))
        try await eventually("the token has ended") {
            try await site.curl("/api/v1/me", alice).0 == 401 ? true : nil
        }
        // What was open ends as well.
        #expect(try await stream.untilEnd() == .code(0))
    }

    @Test(
        "what makes no token says why",
        arguments: [
            (["new", "alice", "--role", "king"], "`king` is no role; there are observe, operate"),
            (["new", "al ice"], "`al ice` is no name"),
            (["new", "alice", "--expires", "soon"], "--expires is `soon`"),
            (["new", "alice", "--instance", "a/b"], "`a/b` is no pattern"),
            (["new", "alice"], "has no `keys`"), (["list"], "has no `keys`"),
        ]
    )
    func bad(words: [String], answer: String) async throws {
        let folder = try TemporaryFolder()
        let file = folder.path + "/site.yaml"
        let text = """
            site: test
            registry: {address: 127.0.0.1, port: 1}
            hosts: {here: {address: 127.0.0.1, ports: 0, agents: []}}
            """
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let (code, output) = try await RunningProgram.run(["token"] + words + ["--site", file])
        #expect(code == 2, "\(output)")
        #expect(output.contains(answer), "\(output)")
    }
}
