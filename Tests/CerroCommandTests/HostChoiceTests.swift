import ArgumentParser
import MessageBus
import SiteConfig
import Testing

@testable import CerroCommand

/// Which entry of the site file this machine is.
@Suite("the choice of the host")
struct HostChoiceTests {
    @Test(
        "the one named, else this machine's, else the only one, else localhost",
        arguments: [
            ("b", ["a", "b"], "a", "b"), (nil, ["a", "b"], "b", "b"),
            (nil, ["a", "b"], "b.site.org", "b"), (nil, ["a"], "x", "a"),
            (nil, ["a", "localhost"], "x", "localhost"),
        ] as [(String?, [String], String, String)]
    )
    func choice(name: String?, hosts: [String], machine: String, expected: String) throws {
        #expect(
            try HostChoice.host(named: name, of: TestSite.hosts(hosts), machine: machine).name
                == expected
        )
    }

    @Test(
        "where none fits the error lists the hosts and says what to do",
        arguments: [nil, "c"]
    )
    func none(name: String?) {
        #expect {
            try HostChoice.host(named: name, of: TestSite.hosts(["a", "b"]), machine: "x")
        } throws: { error in
            guard let failure = error as? CommandFailure else { return false }
            return failure.status == .usage && failure.message.contains("its hosts are a, b")
                && failure.message.contains("--host")
        }
    }

    @Test(
        "an option goes before the environment",
        arguments: [
            ([], [:], nil), ([], ["CERRO_HOST": ""], nil), ([], ["CERRO_HOST": "a"], "a"),
            (["--host", "b"], ["CERRO_HOST": "a"], "b"),
        ] as [([String], [String: String], String?)]
    )
    func environment(options: [String], environment: [String: String], name: String?) async throws {
        let command = try #require(try await UpCommand.asyncParseAsRoot(options) as? UpCommand)
        #expect(command.host.name(environment: environment) == name)
    }

    @Test("the port of last time is taken again only where the site file still has it")
    func ports() {
        var any = Binding(host: "127.0.0.1")
        any.prefer(5561)
        #expect(any.preferred == 5561)
        var registry = Binding(host: "127.0.0.1", ports: 5560...5560)
        registry.prefer(5570)
        #expect(registry.preferred == nil)
        registry.prefer(5560)
        #expect(registry.preferred == 5560)
    }
}
