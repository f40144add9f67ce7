import CerroTesting
import Foundation
import Testing

@Suite("The Debian package", .serialized, .timeLimit(.minutes(10)))
struct PackageTests {
    /// What a program printed; it has to end well and to be silent where it says nothing.
    @discardableResult
    private func said(_ words: String...) async throws -> String {
        let program = try RunningProgram(words: words)
        let end = try await eventually("the end of \(words[0])", within: .seconds(240)) {
            program.end
        }
        #expect(end == .code(0), "\(words.joined(separator: " ")): \(program.output)")
        return program.output
    }

    /// The folder of this repository.
    private var repository: String {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
    }

    // Goal: nobody builds the image as often as the package, so what it needs may be left out of
    // it unseen. Package.swift names the tests' folders, and none may be missing.
    @Test("the context of the image has what the build of the package reads")
    func imageContext() throws {
        let list = repository + "/deploy/container/Containerfile.dockerignore"
        let lines = try String(contentsOfFile: list, encoding: .utf8).split(separator: "\n")
        #expect(lines.first == "**")
        for name in ["Package.swift", "Package.resolved", "Sources", "Tests", "deploy"] {
            #expect(lines.contains("!\(name)"), "\(name)")
        }
        // deploy/package puts files of these folders into the package.
        let script = try String(contentsOfFile: repository + "/deploy/package", encoding: .utf8)
        for match in script.matches(of: /place 644 ([a-z-]+)\//) {
            #expect(lines.contains("!\(match.1)"), "\(match.1)")
        }
    }

    // Goal: what an administrator installs is whole, and systemd understands the units of it.
    // Method: packed from the program beside the tests, unpacked, and laid over the targets that
    // the units name.
    @Test("it has program, units, man pages, completions and a site, and systemd takes the units")
    func whole() async throws {
        let folder = try TemporaryFolder()
        let answer = try await said(
            repository + "/deploy/package",
            "--fast",
            "--executable",
            RunningProgram.cerro,
            "--output",
            folder.path
        )
        let package = try #require(answer.split(separator: "\n").last.map(String.init))
        #expect(package.hasPrefix(folder.path + "/cerro_") && package.hasSuffix(".deb"))

        let root = folder.path + "/root"
        try await said("dpkg-deb", "--raw-extract", package, root)
        let files = FileManager.default
        for file in [
            "etc/cerro/site.yaml", "etc/default/cerro", "usr/bin/cerro",
            "usr/lib/systemd/system/cerro-agent@.service",
            "usr/lib/systemd/system/cerro-host.service",
            "usr/lib/systemd/system/cerro-.service.d/common.conf",
            "usr/share/bash-completion/completions/cerro",
            "usr/share/doc/cerro/examples/example.yaml",
            "usr/share/fish/vendor_completions.d/cerro.fish",
            "usr/share/man/man1/cerro.1.gz", "usr/share/man/man1/cerro-doctor.1.gz",
            "usr/share/zsh/vendor-completions/_cerro",
        ] {
            let size = try files.attributesOfItem(atPath: "\(root)/\(file)")[.size] as? Int
            #expect(size ?? 0 > 40, "\(file)")
        }
        #expect(files.isExecutableFile(atPath: root + "/DEBIAN/postinst"))
        let control = try String(contentsOfFile: root + "/DEBIAN/control", encoding: .utf8)
        let depends = try #require(
            control.split(separator: "\n").first { $0.hasPrefix("Depends:") }
        )
        for library in ["libc6", "libzmq5", "libsqlite3-0", "adduser"] {
            #expect(depends.contains(" \(library)"), "\(depends)")
        }
        #expect(!control.contains(/@[A-Z]+@/), "a word is not filled in: \(control)")

        let page = try await said("zcat", root + "/usr/share/man/man1/cerro-call.1.gz")
        #expect(page.contains("Starts an operation of an instance"))
        try await said(RunningProgram.cerro, "config", "check", root + "/etc/cerro/site.yaml")
        try await verifyUnits(in: root)
    }

    private func verifyUnits(in root: String) async throws {
        let units = root + "/usr/lib/systemd/system"
        try await said("sh", "-c", "cp /lib/systemd/system/*.target \"$0\"", units)
        try await said("install", "-D", "/bin/kill", root + "/bin/kill")
        let objections = try await said(
            "systemd-analyze",
            "verify",
            "--man=no",
            "--root=" + root,
            "cerro-host.service",
            "cerro-agent@cryo-1.service"
        )
        #expect(objections.isEmpty)
    }

    @Test("a word that it does not know is refused, and which there are is said")
    func refusal() async throws {
        let program = try RunningProgram(words: [repository + "/deploy/package", "--fats"])
        #expect(try await program.untilEnd() == .code(1))
        #expect(program.output.contains("there is no option --fats"))
    }
}
