import CerroTesting
import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Telemetry
import Testing

@testable import Reader

@Suite("The monitor page is served whole, and nothing else is", .timeLimit(.minutes(10)))
struct MonitorRoutesTests {
    private func files(
        _ body: @escaping @Sendable (RunningReader) async throws -> Void
    ) async throws {
        let archive = try TemporaryArchive()
        try await withReader(archive.path, body)
    }

    @Test("each file has its type, a policy that lets in no other host, and a mark")
    func served() async throws {
        try await files { reader in
            for asset in MonitorAsset.all {
                let answer = try await reader.get(asset.path)
                #expect(answer.status == 200, "\(asset.path): \(answer.text.prefix(200))")
                #expect(answer.headers[.contentType] == asset.contentType)
                let policy = answer.headers[.contentSecurityPolicy] ?? ""
                #expect(policy.contains("default-src 'self'"))
                #expect(policy.contains("frame-ancestors 'none'"))
                #expect(answer.headers[.xContentTypeOptions] == "nosniff")
                #expect(!answer.text.isEmpty && answer.headers[.eTag] != nil)
            }
        }
    }

    // Goal: a file that was added but not named in one of the places is missing in a browser.
    @Test("what the page and its modules name is served, and all that is served is named")
    func complete() async throws {
        try await files { reader in
            var named: Set<String> = ["/"]
            var open = ["/"]
            while let path = open.popLast() {
                let text = try await reader.get(path).text
                for name in Self.names(in: text) where named.insert(name).inserted {
                    #expect(try await reader.get(name).status == 200, "\(name), named by \(path)")
                    if !name.contains("dygraph") { open.append(name) }
                }
            }
            #expect(named == Set(MonitorAsset.all.map(\.path)))
        }
    }

    /// The files that a text names: `monitor/x` in a page, `./x.js` and `./x.css` in a module.
    private static func names(in text: String) -> [String] {
        let quoted = text.split(separator: "\"", omittingEmptySubsequences: false).map(String.init)
        return quoted.compactMap { name in
            if name.hasPrefix("monitor/") { return "/" + name }
            if name.hasPrefix("./"), name.hasSuffix("s") {
                return MonitorAsset.folder + name.dropFirst()
            }
            return nil
        }
    }

    @Test("no page names another host")
    func noOtherHost() async throws {
        try await files { reader in
            for asset in MonitorAsset.all where !asset.path.contains("dygraph") {
                let text = try await reader.get(asset.path).text
                    .replacingOccurrences(of: "http://www.w3.org/2000/svg", with: "")
                #expect(!text.contains("://"), "\(asset.path)")
            }
        }
    }

    @Test("a browser that has a file is told so")
    func known() async throws {
        try await files { reader in
            let page = try await reader.get("/")
            #expect(page.headers[.cacheControl] == "no-cache")
            let path = MonitorAsset.folder + "/main.js"
            let first = try await reader.get(path)
            #expect(first.headers[.cacheControl]?.hasSuffix("immutable") == true)
            let mark = try #require(first.headers[.eTag])
            let again = try await reader.get(path, headers: [.ifNoneMatch: mark])
            #expect(again.status == 304 && again.text.isEmpty)
            let other = try await reader.get(path, headers: [.ifNoneMatch: "\"1-0\""])
            #expect(other.status == 200)
        }
    }

    @Test("a browser that takes gzip gets the same bytes, packed")
    func packed() async throws {
        try await files { reader in
            let path = MonitorAsset.folder + "/main.js"
            let plain = try await reader.get(path)
            #expect(plain.headers[.contentEncoding] == nil)
            let packed = try await reader.answer(path, more: [.acceptEncoding: "gzip, br"])
            #expect(packed.headers[.contentEncoding] == "gzip")
            #expect(packed.headers[.vary]?.contains("Accept-Encoding") == true)
            #expect(packed.headers[.eTag] == plain.headers[.eTag])
            let bytes = packed.body.map { Array($0.readableBytesView) } ?? []
            let asset = try #require(MonitorAsset.all.first { $0.path == path })
            #expect(try bytes == asset.load(takesGzip: true).bytes)
            #expect(bytes.starts(with: [0x1F, 0x8B]) && bytes.count < plain.text.utf8.count)
        }
    }

    @Test("a part of another version is not there, and the answer says what to do")
    func otherVersion() async throws {
        try await files { reader in
            let answer = try await reader.get("/monitor/0/main.js")
            #expect(answer.status == 404 && answer.text.contains("load the page anew"))
            let nothing = try await reader.get("/monitr")
            #expect(
                nothing.status == 404
                    && nothing.text.contains("there are /, /monitor/{version}/{part}, ")
            )
        }
    }

    @Test("a path is a name and never one of a file, however it is written")
    func traversal() async throws {
        try await files { reader in
            for path in [
                "/monitor/../../../etc/passwd", "/monitor/%2e%2e/%2e%2e/etc/passwd",
                "/monitor/..%2f..%2fetc%2fpasswd", "/monitor/dygraph.min.js/../../../../etc/passwd",
                "/monitor//etc/passwd", "/monitor/", "/monitor/main.js",
                MonitorAsset.folder + "/main.js%00",
                MonitorAsset.folder + "/MAIN.JS", MonitorAsset.folder + "/../../etc/passwd",
                "/monitor/dygraph.js", "/index.html", "/.git/config",
                "/monitor/....//....//etc/passwd",
            ] {
                let answer = try await reader.get(path)
                #expect(answer.status == 404 || answer.status == 400, "\(path): \(answer.status)")
                #expect(!answer.text.contains("root:"), "\(path)")
            }
        }
    }
}
