import Foundation
import SiteConfig
import Telemetry
import Testing

@Suite("a loaded site")
struct SiteTests {
    @Test("what the file leaves out has its default")
    func defaults() throws {
        let site = try Corpus.load(Corpus.text("smallest.good.yaml"))
        #expect(site.name == "lab")
        #expect(site.registry.address == "127.0.0.1" && site.registry.port == 5560)
        #expect(site.keys == nil)
        #expect(site.archive.directory == "/site/archive")
        #expect(site.archive.rotate == .seconds(3600) && site.archive.maxSize == 4 << 30)
        #expect(site.reader.listen == Endpoint(host: "127.0.0.1", port: 8080))
        #expect(site.reader.cache == 512 << 20 && !site.reader.isBehindProxy)
        #expect(site.spool.directory == "/site/spool" && site.spool.size == 1 << 30)
        #expect(site.hosts.map(\.ports) == [5561...5660])
        #expect(site.hosts.map(\.bind) == ["localhost"])
    }

    @Test("of the rules by feed the first one that fits holds, and the rest is as for all")
    func retention() throws {
        let smallest = try Corpus.load(Corpus.text("smallest.good.yaml")).archive
        #expect(!smallest.compactsDays && !smallest.retention.removesAnything)
        let archive = try Corpus.load(Corpus.text("retention.good.yaml")).archive
        #expect(archive.compactsDays && archive.retention.removesAnything)
        func rule(_ instance: String, _ feed: String) -> [Int64?] {
            let rule = archive.retention.rule(for: instance, feed)
            return [rule.raw, rule.rollups].map { $0.map { $0.components.seconds / 86_400 } }
        }
        #expect(rule("host-1", "disk") == [365, 3650])
        #expect(rule("cryo-1", "temperatures") == [nil, nil])
        #expect(rule("cryo-1", "temperature") == [30, 3650])
        #expect(rule("cryo-12", "pressure") == [365, 3650])
        #expect(rule("cryo-12", "load") == [4000, 4000])
    }

    @Test("pins come back from their file as they were")
    func pins() throws {
        let pins = [
            Pin(
                range: Timestamp(nanoseconds: 1)..<Timestamp(seconds: 1_795_237_800),
                note: "a \"quench\": #3\n${HOME} é"
            ), Pin(range: Timestamp(seconds: 5)..<Timestamp(seconds: 6), note: ""),
        ]
        #expect(try Pin.read(Pin.text(pins), file: "pins.yaml") == pins)
        #expect(try Pin.read(Pin.text([]), file: "pins.yaml").isEmpty)
    }

    @Test("what the file says is in the site")
    func whole() throws {
        let site = try Corpus.load(Corpus.text("whole.good.yaml"))
        #expect(site.keys == "/site/keys")
        #expect(site.archive.directory == "/data/cerro")
        #expect(site.hosts.map(\.bind) == ["0.0.0.0", "10.0.0.2"])
        let (host, entry) = try #require(site.instance("fake-1"))
        #expect(host.name == "cryo-pc")
        #expect(entry.manage == .manual)
        #expect(entry.start.map(\.operation) == ["acquire", "count"])
        #expect(entry.start[0].parameters == ["period": 2, "quick": true, "label": "3"])
        #expect(entry.place == Place(file: "site.yaml", line: 24, column: 9))
        #expect(site.instance("nobody") == nil)

        let mirror = try #require(site.instance("mirror")).entry
        var reader = SettingsReader(mirror.arguments, owner: "agent mirror", folder: "/site")
        let archive = ArchiveSettings.read(from: &reader, default: site.archive)
        #expect(archive.directory == "/mirror" && archive.rotate == site.archive.rotate)
        #expect(reader.finish() == [])
    }

    @Test("variables expand in keys' values, with and without defaults")
    func variables() throws {
        let site = try Corpus.load(Corpus.text("variables.good.yaml"))
        #expect(site.registry == RegistrySettings(address: "127.0.0.1", port: 5560))
        #expect(site.archive.directory == "/site/data/archive-$5")
        #expect(site.archive.rotate == .seconds(600))
        #expect(site.hosts.map(\.ports) == [0...0])
    }

    // Each row: a change of the file, and the instances whose hash is another after it.
    @Test(
        "the hash of an instance is that of what it reads, and of nothing else",
        arguments: [
            ("class: FakeData", "class: IMacRT", ["fake-1"]),
            ("manage: manual", "manage: keep", []),
            ("hosts:", "# some hosts\nhosts:", []), ("count", "\"count\"", ["fake-1"]),
            ("rotate: 1 h", "rotate: 2 h", ["aggregator"]),
            ("cache: 512 MiB", "cache: 1 GiB", []),
            ("id: reader", "id: reader-2", ["reader"]),
            ("10.0.0.2", "10.0.0.3", ["LSA22YE", "fake-1", "host-cryo-pc"]),
            ("port: 5560", "port: 5559", nil), ("size: 1 GiB", "size: 2 GiB", nil),
        ] as [(String, String, [String]?)]
    )
    func hash(old: String, new: String, expected: [String]?) throws {
        let text = try Corpus.text("whole.good.yaml")
        let changed = text.replacingOccurrences(of: old, with: new)
        #expect(changed != text)
        let all = [
            "LSA22YE", "aggregator", "fake-1", "host-cryo-pc", "host-server", "mirror", "reader",
            "registry",
        ]
        func hashes(_ text: String) throws -> [String: String] {
            let site = try Corpus.load(text)
            let pairs = all.map { id in
                (id, site.hash(of: id, reading: id == "aggregator" ? [.archive] : []))
            }
            return Dictionary(pairs, uniquingKeysWith: { $1 }).compactMapValues(\.self)
        }
        let (before, after) = try (hashes(text), hashes(changed))
        #expect(before.values.allSatisfy { $0.count == 16 })
        #expect(all.filter { before[$0] != after[$0] } == (expected ?? all))
    }

    @Test("what a variable holds is not in the hash")
    func secretHash() throws {
        let text = try Corpus.text("smallest.good.yaml") + "spool: {size: \"${SIZE:-1 GiB}\"}\n"
        func hash(_ environment: [String: String]) throws -> String? {
            try Site.load(text: text, file: "s", folder: "/", environment: environment)
                .hash(of: "registry")
        }
        #expect(try hash([:]) == hash(["SIZE": "2 GiB"]))
    }

    @Test("the check of a higher target sees the site also when something else is wrong")
    func check() {
        let text = "site: a b\nhosts: {pc: {address: 127.0.0.1, agents: [{class: Foo, id: f}]}}"
        do {
            _ = try Site.load(text: text, file: "s", folder: "/", environment: [:]) { site in
                site.check(classes: ["Food"])
            }
            Issue.record("the site was taken")
        } catch {
            #expect(error.problems.map(\.place.line) == [1, 2])
            #expect(error.description.hasSuffix("no agent class `Foo`; did you mean `Food`?"))
        }
    }

    @Test("an instance that somebody else runs may be of any class, and is expected all the same")
    func foreign() throws {
        let entry = "{class: Spectrograph, id: s1, manage: ignore}"
        let text = "site: a\nhosts: {pc: {address: 127.0.0.1, agents: [\(entry)]}}"
        let site = try Site.load(text: text, file: "s", folder: "/", environment: [:]) { site in
            site.check(classes: ["Food"])
        }
        #expect(site.instance("s1")?.entry.className == "Spectrograph")
    }

    @Test(
        "the site files of the repository load",
        arguments: Corpus.files(".yaml", in: "site-config")
    )
    func shipped(name: String) throws {
        let path = Corpus.root.appending(path: "site-config").appending(path: name).path
        let site = try Site.load(path: path, environment: [:]) { $0.check(classes: Corpus.classes) }
        #expect(site.hosts.flatMap(\.agents).count >= 6)
        #expect(site.file == path)
    }

    @Test("a file that is not there, is no UTF-8 or is too large is one problem")
    func unreadable() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let latin = folder.appending(path: "latin.yaml").path
        let large = folder.appending(path: "large.yaml").path
        try Data([0x73, 0xE9]).write(to: URL(fileURLWithPath: latin))
        try Data(repeating: 0x20, count: Limits.fileBytes + 1).write(
            to: URL(fileURLWithPath: large)
        )
        for (path, words) in [
            (folder.path + "/none", "cannot be read"), (latin, "not UTF-8"),
            (large, "more than 1 MiB"), (folder.path, "cannot be read"),
        ] {
            do {
                _ = try Site.load(path: path, environment: [:])
                Issue.record("\(path) was taken")
            } catch {
                #expect(error.description.hasPrefix("\(path):1:1: error: "))
                #expect(error.description.contains(words), "\(error)")
            }
        }
    }

    @Test("loopback is an address, not a name that looks like one")
    func loopback() {
        let hosts = ["127.0.0.1", "127.9.9.9", "localhost", "::1"]
        #expect(hosts.allSatisfy { Endpoint(host: $0, port: 1).isLoopback })
        let others = ["127.example.org", "10.0.0.1", "0.0.0.0", "::", ""]
        #expect(others.allSatisfy { !Endpoint(host: $0, port: 1).isLoopback })
        #expect(Endpoint(host: "::1", port: 80).description == "[::1]:80")
    }
}
