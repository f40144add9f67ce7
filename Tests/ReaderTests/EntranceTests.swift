import Access
import HTTPTypes
import MessageBus
import Synchronization
import Telemetry
import Testing

@testable import Reader

@Suite("Who gets in over HTTP", .timeLimit(.minutes(10)))
struct EntranceTests {
    private static let alice = AccessToken.random(), looker = AccessToken.random()
    private static let late = AccessToken.random()

    private static func entry(
        _ token: AccessToken,
        _ name: String,
        _ role: Role,
        until: Timestamp? = nil
    ) -> AccessTable.Token {
        AccessTable.Token(
            id: token.id,
            name: name,
            hash: token.hash,
            expires: until,
            grants: [Grant(role: role)]
        )
    }

    private static let table = AccessTable(
        tokens: [
            entry(alice, "alice", .operate), entry(looker, "looker", .observe),
            // The clock of the reader shows 100.
            entry(late, "late", .admin, until: at(100)),
        ]
    )

    private static let site: FixedSite = {
        let row = InstanceRow(instance: "cryo", className: "Lakeshore372", host: "dome")
        return FixedSite([row])
    }()

    private func run(
        _ body: @escaping @Sendable (RunningReader, AccessControl) async throws -> Void
    ) async throws {
        let archive = try TemporaryArchive()
        let control = AccessControl(Self.table)
        try await withReader(archive.path, site: Self.site, access: control) {
            try await body($0, control)
        }
    }

    private func bearer(_ token: AccessToken) -> HTTPFields {
        [.authorization: "Bearer \(token.text)"]
    }

    private let stop = "/api/v1/agents/cryo/ops/acquire/stop"

    @Test("who shows a token is who it says, and does what it allows")
    func tokens() async throws {
        try await run { reader, _ in
            let me = try await reader.get("/api/v1/me", headers: bearer(Self.alice))
            let value = try Value(json: me.text)
            #expect(value["name"] == "alice" && value["has_token"] == true)
            #expect(value["proof"] == .string("token:\(Self.alice.id)"))
            #expect(value["grants"]?.array?.first?["role"] == "operate")
            let stopped = try await reader.get(
                stop,
                headers: bearer(Self.alice),
                method: .post
            )
            #expect(stopped.status == 200, "\(stopped.text)")
            // The agent hears who it was, and decides itself.
            #expect(
                Self.site.askedFor.contains(
                    Asker(name: "alice", token: Self.alice.id, address: "127.0.0.1")
                )
            )
            let refused = try await reader.get(
                stop,
                headers: bearer(Self.looker),
                method: .post
            )
            #expect(refused.status == 403)
            #expect(refused.text.contains("needs the role `operate`"), "\(refused.text)")
            let taken = try await reader.get(
                "/api/v1/agents/cryo/control/take",
                headers: bearer(Self.looker),
                method: .post,
                body: #"{"reason":"x"}"#
            )
            #expect(taken.status == 403)
            let seen = try await reader.get("/api/v1/agents", headers: bearer(Self.looker))
            #expect(seen.status == 200)
        }
    }

    @Test("on loopback nobody needs a token to look, but one to command where there are keys")
    func anonymous() async throws {
        try await run { reader, _ in
            #expect(try await reader.get("/api/v1/agents").status == 200)
            let me = try Value(json: try await reader.get("/api/v1/me").text)
            #expect(me["has_token"] == false && me["grants"]?.array?.first?["role"] == "observe")
            let refused = try await reader.get(stop, method: .post)
            #expect(refused.status == 403, "\(refused.text)")
        }
    }

    @Test("a wrong token gets one answer, whatever is wrong with it; one that ended another")
    func wrong() async throws {
        try await run { reader, control in
            let stranger = AccessToken.random()
            let swapped = "cerro_\(Self.alice.id)_\(stranger.text.suffix(64))"
            var answers: Set<String> = []
            for shown in ["Bearer \(stranger.text)", "Bearer \(swapped)", "Bearer x", "Basic eDp5"]
            {
                let answer = try await reader.get(
                    "/api/v1/agents",
                    headers: [.authorization: shown]
                )
                #expect(answer.status == 401)
                #expect(answer.headers[.wwwAuthenticate] == "Bearer realm=\"cerro\"")
                answers.insert(answer.text)
            }
            #expect(answers.count == 1)
            #expect(!answers.contains { $0.contains(stranger.text.suffix(64)) })
            let ended = try await reader.get("/api/v1/agents", headers: bearer(Self.late))
            #expect(ended.status == 401 && ended.text.contains("the token ended at"))
            // Revoked while the reader runs.
            var table = Self.table
            table.tokens.removeAll { $0.name == "alice" }
            control.replace(table)
            let revoked = try await reader.get("/api/v1/agents", headers: bearer(Self.alice))
            #expect(revoked.status == 401 && answers.contains(revoked.text))
        }
    }

    @Test("wrong tokens are tried so often and no more; right ones get in all the same")
    func guesses() async throws {
        try await run { reader, _ in
            for _ in 0..<ReaderLimits.failedTokens {
                let answer = try await reader.get(
                    "/api/v1/agents",
                    headers: [.authorization: "Bearer guess"]
                )
                #expect(answer.status == 401)
            }
            let answer = try await reader.get(
                "/api/v1/agents",
                headers: [.authorization: "Bearer guess"]
            )
            #expect(answer.status == 429)
            #expect(answer.headers[.retryAfter] == "5", "\(answer.headers)")
            let right = try await reader.get("/api/v1/agents", headers: bearer(Self.alice))
            #expect(right.status == 200)
            let metrics = try await reader.get("/metrics").text
            let counter = "cerro_reader_refused_requests_total{reason="
            #expect(metrics.contains(counter + "\"wrong token\"} 20"), "\(metrics)")
            #expect(metrics.contains(counter + "\"too many wrong tokens\"} 1"))
        }
    }

    @Test("a token may ask so often and no more")
    func flood() async throws {
        try await run { reader, _ in
            var statuses: [Int: Int] = [:]
            for _ in 0..<ReaderLimits.requestBurst + 1 {
                let answer = try await reader.get("/healthz", headers: bearer(Self.looker))
                statuses[answer.status, default: 0] += 1
            }
            #expect(statuses == [200: ReaderLimits.requestBurst, 429: 1])
            #expect(try await reader.get("/healthz", headers: bearer(Self.alice)).status == 200)
        }
    }

    @Test("a browser gets a cookie that no script reads, and commands only by its own pages")
    func login() async throws {
        try await run { reader, _ in
            let bad = try await reader.get(
                LoginRoutes.login,
                method: .post,
                body: #"{"token":"x"}"#
            )
            #expect(bad.status == 401 && bad.headers[.setCookie] == nil)
            #expect(try await reader.get(LoginRoutes.login, method: .post).status == 400)
            let good = try await reader.get(
                LoginRoutes.login,
                method: .post,
                body: "{\"token\":\"\(Self.alice.text)\"}"
            )
            #expect(good.status == 200 && !good.text.contains(Self.alice.text))
            let cookie = good.headers[.setCookie] ?? ""
            for word in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=86400"] {
                #expect(cookie.contains(word), "\(cookie)")
            }
            let shown: HTTPFields = [.cookie: "a=b; \(cookie.prefix { $0 != ";" })"]
            let me = try await reader.get("/api/v1/me", headers: shown)
            #expect(me.text.contains("\"alice\""))
            let own = "http://127.0.0.1"
            let meant = try await reader.get(
                stop,
                origin: own,
                headers: shown,
                method: .post
            )
            #expect(meant.status == 200, "\(meant.text)")
            for origin in [nil, "http://evil.example", "http://127.0.0.1:3000", "null"] {
                let forged = try await reader.get(
                    stop,
                    origin: origin,
                    headers: shown,
                    method: .post
                )
                #expect(forged.status == 403, "\(origin ?? "nobody")")
            }
            let out = try await reader.get(
                "/api/v1/logout",
                origin: own,
                headers: shown,
                method: .post
            )
            #expect(out.headers[.setCookie]?.hasPrefix("cerro=; Path=/; Max-Age=0") == true)
        }
    }
}
