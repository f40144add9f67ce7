import Access
import CerroTesting
import Foundation
import SiteConfig
import Telemetry
import Testing

@testable import Reader

/// A certificate that `openssl` has just made, for localhost.
private struct TestCertificate {
    let folder: TemporaryFolder
    var files: TLSFiles {
        TLSFiles(certificate: folder.path + "/cert.pem", key: folder.path + "/key.pem")
    }

    init() async throws {
        folder = try TemporaryFolder()
        let make = try RunningProgram(
            words: [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                "-addext", "subjectAltName=DNS:localhost,DNS:cerro.example.org",
                "-keyout", folder.path + "/key.pem", "-out", folder.path + "/cert.pem",
            ]
        )
        let end = try await make.untilEnd()
        guard end == .code(0) else { throw TestFailure(text: make.output) }
    }

    /// The same files in another folder.
    init(copyOf other: TestCertificate) async throws {
        folder = try TemporaryFolder()
        try replace(files.certificate, by: other.files.certificate)
        try replace(files.key, by: other.files.key)
    }

    /// Puts another file in the place of one, as those do that renew certificates.
    func replace(_ path: String, by other: String) throws {
        let beside = path + ".new"
        try FileManager.default.copyItem(atPath: other, toPath: beside)
        guard rename(beside, path) == 0 else { throw TestFailure(text: path) }
    }

    struct TestFailure: Error {
        let text: String
    }
}

@Suite("HTTP in TLS, asked by curl", .timeLimit(.minutes(10)))
struct TLSTests {
    private static let worker = AccessToken.random(), looker = AccessToken.random()
    private static let late = AccessToken.random()

    private static var table: AccessTable {
        func entry(
            _ token: AccessToken,
            _ name: String,
            _ role: Role,
            _ end: Timestamp?
        )
            -> AccessTable.Token
        {
            AccessTable.Token(
                id: token.id,
                name: name,
                hash: token.hash,
                expires: end,
                grants: [Grant(role: role)]
            )
        }
        return AccessTable(
            tokens: [
                entry(worker, "worker", .operate, nil), entry(looker, "looker", .observe, nil),
                entry(late, "late", .admin, at(99)),
            ]
        )
    }

    /// Asks as curl does; the status, 0 without an answer, and all that came.
    private static func curl(
        _ certificate: TestCertificate,
        _ port: Int,
        _ path: String,
        _ words: [String] = [],
        host: String = "localhost",
        scheme: String = "https"
    ) async throws -> (status: Int, text: String) {
        let program = try RunningProgram(
            words: [
                "curl", "-s", "-i", "-w", "\n%{http_code}", "--cacert",
                certificate.files.certificate,
                "--resolve", "\(host):\(port):127.0.0.1", "--max-time", "100",
            ] + words + ["\(scheme)://\(host):\(port)\(path)"]
        )
        try await program.untilEnd()
        let text = program.output
        return (Int(text.split(separator: "\n").last ?? "") ?? 0, text)
    }

    /// Who asks for what, and the status that it gets.
    private static func attempts(
        _ port: Int
    ) -> [(path: String, words: [String], status: Int)] {
        let bearer = { (token: AccessToken) in ["-H", "Authorization: Bearer \(token.text)"] }
        let stop = "/api/v1/agents/cryo/ops/acquire/stop"
        let own = "https://localhost:\(port)"
        let cookie = ["-H", "Cookie: cerro=\(worker.text)"]
        let stranger = AccessToken.random()
        return [
            ("/", [], 200), ("/healthz", [], 200), ("/readyz", [], 200),
            ("/api/v1/agents", [], 401), ("/api/v1/live", [], 401), ("/metrics", [], 401),
            ("/prometheus/api/v1/query?query=1", [], 401), ("/grafana/", [], 401),
            ("/api/v1/openapi.json", [], 401), (stop, ["-XPOST"], 401),
            ("/api/v1/agents", bearer(stranger), 401),
            ("/api/v1/agents", bearer(late), 401),
            ("/api/v1/agents", bearer(looker), 200),
            ("/metrics", bearer(looker), 200),
            (stop, ["-XPOST"] + bearer(looker), 403),
            (stop, ["-XPOST"] + bearer(worker), 200),
            ("/api/v1/agents", bearer(worker) + ["-H", "Host: evil.example"], 403),
            ("/api/v1/agents", bearer(worker) + ["-H", "Origin: https://evil"], 403),
            ("/api/v1/agents", bearer(worker) + ["-H", "Origin: http://localhost"], 403),
            (stop, ["-XPOST"] + cookie, 403),
            (stop, ["-XPOST"] + cookie + ["-H", "Origin: https://evil"], 403),
            (stop, ["-XPOST"] + cookie + ["-H", "Origin: \(own)"], 200),
        ]
    }

    // Goal: the table of what strangers try, and what each of them gets.
    @Test("strangers see the page and its login, and nothing else")
    func attempts() async throws {
        let archive = try TemporaryArchive()
        let certificate = try await TestCertificate()
        let control = AccessControl(Self.table)
        try await withReader(
            archive.path,
            site: FixedSite([
                InstanceRow(instance: "cryo", className: "Lakeshore372", host: "dome")
            ]),
            access: control,
            tls: certificate.files,
            names: ["cerro.example.org"]
        ) { reader in
            for attempt in Self.attempts(reader.port) {
                let answer = try await Self.curl(
                    certificate,
                    reader.port,
                    attempt.path,
                    attempt.words
                )
                let hint: Comment = "\(attempt.path) \(attempt.words): \(answer.text)"
                #expect(answer.status == attempt.status, hint)
            }
            let login = try await Self.curl(
                certificate,
                reader.port,
                LoginRoutes.login,
                ["-d", "{\"token\":\"\(Self.worker.text)\"}"],
                host: "cerro.example.org"
            )
            #expect(login.text.contains("HttpOnly; SameSite=Strict; Secure"), "\(login.text)")
            // Without TLS, and with one that is too old, there is no answer at all.
            let plain = try await Self.curl(certificate, reader.port, "/", scheme: "http")
            #expect(plain.status == 0)
            let old = try await Self.curl(certificate, reader.port, "/", ["--tls-max", "1.1"])
            #expect(old.status == 0)
            var table = Self.table
            table.tokens = []
            control.replace(table)
            let revoked = try await Self.curl(
                certificate,
                reader.port,
                "/api/v1/agents",
                ["-H", "Authorization: Bearer \(Self.looker.text)"]
            )
            #expect(revoked.status == 401)
        }
    }

    @Test("a certificate that is of no use is named, with what to do")
    func certificates() async throws {
        let good = try await TestCertificate(), other = try await TestCertificate()
        _ = try Certificate.configuration(good.files)
        func problem(_ certificate: String, _ key: String) -> String {
            do {
                _ = try Certificate.configuration(TLSFiles(certificate: certificate, key: key))
                return ""
            } catch { return error.description }
        }
        let missing = problem(good.folder.path + "/no.pem", good.files.key)
        #expect(
            missing.hasSuffix(
                "/no.pem is of no use for `tls` of the reader: No such file or "
                    + "directory"
            )
        )
        #expect(problem(good.files.key, good.files.key).hasSuffix("it holds no certificate in PEM"))
        let noKey = problem(good.files.certificate, good.files.certificate)
        #expect(noKey.contains("chmod 600") || noKey.hasSuffix("it holds no private key in PEM"))
        let mixed = problem(good.files.certificate, other.files.key)
        #expect(mixed.hasSuffix("it is not the key of the certificate \(good.files.certificate)"))
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o644],
            ofItemAtPath: good.files.key
        )
        let open = problem(good.files.certificate, good.files.key)
        #expect(
            open.hasSuffix("everybody on the machine may read it: `chmod 600 \(good.files.key)`")
        )
        let secret = try String(contentsOfFile: other.files.key, encoding: .utf8)
        let line = secret.split(separator: "\n")[1]
        #expect(![missing, noKey, mixed, open].contains { $0.contains(line) })
    }

    // Goal: certificates last for weeks, and readers for months.
    // Method: the files are replaced one after the other, then by nonsense, while it serves.
    @Test("a renewed certificate is shown to who comes next; one of no use is not")
    func renewed() async throws {
        let archive = try TemporaryArchive()
        let old = try await TestCertificate(), new = try await TestCertificate()
        let before = try await TestCertificate(copyOf: old)
        try await withReader(
            archive.path,
            access: AccessControl(Self.table),
            tls: old.files
        ) { reader in
            func isShown(_ certificate: TestCertificate) async throws -> Bool {
                try await Self.curl(certificate, reader.port, "/healthz").status == 200
            }
            #expect(try await isShown(before))
            try old.replace(old.files.certificate, by: new.files.certificate)
            #expect(try await isShown(before))
            try old.replace(old.files.key, by: new.files.key)
            #expect(try await isShown(new))
            #expect(try await !isShown(before))
            try Data("nonsense".utf8).write(to: URL(filePath: old.files.certificate))
            #expect(try await isShown(new))
        }
    }

    @Test("TLS without anybody who could have a token does not open")
    func noTokens() async throws {
        let certificate = try await TestCertificate()
        let settings = ReaderSettings(
            listen: Endpoint(host: "127.0.0.1", port: 0),
            cache: 1 << 20,
            tls: certificate.files
        )
        let server = ReaderServer(settings)
        await #expect(throws: ReaderError.noTokens("127.0.0.1:0")) {
            try await server.run { _ in }
        }
    }
}
