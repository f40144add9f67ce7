import Testing

/// Each rule, on the smallest text that it has to find and on the nearest one that it must not.
@Suite("the rules of tidiness")
struct RuleTests {
    private static let manifest = Manifest(
        """
        let package = Package(
            products: [.executable(name: "cerro", targets: ["cerro"])],
            targets: [
                // A target imports only targets above it.
                library("Telemetry"),
                .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),
                library("ZeroMQ", ["CZeroMQ"]),
                library("MessageBus", ["Telemetry", "ZeroMQ", logging]),
                library(
                    "Archive",
                    ["Telemetry", .product(name: "GRDB", package: "GRDB.swift")]
                ),
                library("CerroTesting", ["Archive"]),
                .executableTarget(name: "cerro", dependencies: ["Archive", "CerroTesting"]),
                tests("ArchiveTests", ["Archive"]),
            ],
        )
        """
    )

    private func lines(_ findings: [Finding]) -> [Int] { findings.map(\.line).sorted() }

    private func product(_ text: String, in target: String = "Archive") -> SourceFile {
        SourceFile(path: "Sources/\(target)/File.swift", text: text)
    }

    private func test(_ text: String) -> SourceFile {
        SourceFile(path: "Tests/ArchiveTests/File.swift", text: text)
    }

    @Test("a manifest is read as names, dependencies and order")
    func manifest() {
        #expect(
            Self.manifest.targets.map(\.name) == [
                "Telemetry", "CZeroMQ", "ZeroMQ", "MessageBus", "Archive", "CerroTesting", "cerro",
                "ArchiveTests",
            ]
        )
        #expect(
            Self.manifest.targets[4].dependencies == ["Telemetry", "GRDB", "GRDB.swift"]
        )
        #expect(Self.manifest.targets.map(\.isTest).filter(\.self).count == 1)
    }

    @Test(
        "an import breaks the layers when it looks down, is not declared or has another home",
        arguments: [
            ("import Telemetry", "Archive", ""),
            ("internal import struct Telemetry.Block", "Archive", ""),
            ("public import Archive", "Telemetry", "not above it"),
            ("internal import MessageBus", "Archive", "without declaring it"),
            ("internal import CZeroMQ", "Archive", "whose home is ZeroMQ"),
            ("internal import GRDB", "Archive", ""),
            ("internal import NIOCore", "ZeroMQ", "only MessageBus"),
            ("internal import Logging", "Archive", ""),
            ("internal import CerroTesting", "cerro", "must not reach a product"),
            ("internal import Foundation", "Telemetry", "standard library only"),
            ("internal import Foundation", "Archive", ""),
            ("internal import Archive", "Missing", "no target of Package.swift"),
            ("let words = \"import MessageBus\"  // import Archive", "Telemetry", ""),
        ]
    )
    func layers(code: String, target: String, expected: String) {
        let findings = LayerRules.check(product(code, in: target), Self.manifest)
        #expect(findings.isEmpty == expected.isEmpty, "\(findings)")
        #expect(expected.isEmpty || findings.contains { $0.message.contains(expected) })
    }

    @Test(
        "a forbidden call is found in code, and neither in texts nor in comments",
        arguments: [
            ("let a = try! f()", true), ("let a = b as! Int", true), ("fatalError(\"\")", true),
            ("    print(1)", true), ("blueprint(1)", false), ("page.print(1)", false),
            ("let a = \"print(1)\"", false), ("// print(1)", false), ("/* try! f() */", false),
            ("let a = #\"\\\" try! \"#", false),
            ("let a = \"\"\"\n    as! \"x\"\n    \"\"\"", false),
            ("let a = \"\\(f(\"try! \"))\"; let b = try! g()", true),
            ("func print(_ text: String) {", false),
            ("Task { await f() }", true), ("// Ends with the process.\nTask { await f() }", false),
            ("Task.detached { }", true), ("TaskGroup { }", false),
            ("final class A: @unchecked Sendable {", true),
            ("// The lock guards it.\nfinal class A: @unchecked Sendable {", false),
            ("nonisolated(unsafe) var a = 1", true),
        ]
    )
    func calls(code: String, isFound: Bool) {
        #expect(CallRules.check(product(code)).isEmpty == !isFound)
    }

    @Test(
        "a test waits for events, never for time",
        arguments: [
            ("try await Task.sleep(for: .seconds(1))", true), ("sleep(1)", true),
            ("usleep(1)", true), ("Thread.sleep(forTimeInterval: 1)", true),
            ("try await clock.sleep(for: .seconds(1))", false),
            ("func sleep(untilMonotonic deadline: Duration) {", false),
        ]
    )
    func waiting(code: String, isFound: Bool) {
        #expect(CallRules.check(test(code)).isEmpty == !isFound)
        #expect(CallRules.check(product(code)).isEmpty)
    }

    @Test("files, functions and lines have their longest length and one more is found")
    func sizes() {
        let file = String(repeating: "let a = 1\n", count: SizeRules.mostLines)
        #expect(SizeRules.check(product(file)).isEmpty)
        #expect(lines(SizeRules.check(product(file + "let b = 1\n"))) == [401])

        let line = "let é = 1  // "
        let rest = String(repeating: "é", count: SizeRules.mostColumns - line.count)
        #expect(SizeRules.check(product(line + rest)).isEmpty)
        #expect(lines(SizeRules.check(product("\n" + line + rest + "é"))) == [2])
    }

    @Test("a function is as long as from its first line to the brace that closes it")
    func functions() {
        let text = """
            protocol P {
                func short() async
                init(_ a: Int)
            }
            struct S {
                init<A>(_ a: A) where A: P {
                    self.init(b: ["}": { 1 }])
                }
                public func long(
                    _ text: String = "{"
                ) -> [String: () -> Void] {
                    if true {
                    }
                }
            }
            """
        let found = SizeRules.functions(of: product(text))
        #expect(found.map(\.name) == ["init", "long"])
        #expect(found.map(\.first) == [6, 9])
        #expect(found.map(\.last) == [8, 14])

        let body = String(repeating: "    f()\n", count: SizeRules.mostFunctionLines - 2)
        #expect(SizeRules.check(product("func g() {\n" + body + "}\n")).isEmpty)
        let longer = product("\nfunc g() {\n" + body + "    f()\n}\n")
        #expect(SizeRules.check(longer).map(\.line) == [2])
    }

    @Test("a reminder is found in comments only, as a word of its own")
    func reminders() {
        let word = TextRules.reminders[0]
        #expect(lines(TextRules.check(product("let a = 1\n// \(word): later"))) == [2])
        #expect(TextRules.check(product("let a = \"\(word)\"\n// \(word)S")).isEmpty)
    }

    @Test("a module that holds a type of its own name is found")
    func namesakes() {
        #expect(TextRules.check(product("public struct Archive {")).count == 1)
        #expect(TextRules.check(product("struct ArchiveFile { let a: Archive }")).isEmpty)
    }

    @Test("a folder of one machine is found, a folder of that name elsewhere is not")
    func paths() {
        let path = TextRules.machinePaths[0]
        #expect(TextRules.machinePaths(in: "a.md", "see\n`\(path)me/data`").map(\.line) == [2])
        #expect(TextRules.machinePaths(in: "a.md", "see $ROOT\(path)me, a.b\(path)").isEmpty)
    }

    @Test("a file of wrong settings needs its expected words")
    func badFiles() {
        #expect(TextRules.checkBadFile("a.bad.yaml", "# expect: no such key\nsite: a").isEmpty)
        #expect(TextRules.checkBadFile("a.bad.yaml", "# expect: \nsite: a").count == 1)
        #expect(TextRules.checkBadFile("a.good.yaml", "site: a").isEmpty)
    }

    @Test("a page that the house asks for is missed as soon as its target has sources")
    func pages() {
        let swift = "Sources/ArchiveFormat/Record.swift"
        #expect(TextRules.checkPages(["Sources/ArchiveFormat/X.docc/X.md"]).isEmpty)
        #expect(TextRules.checkPages([swift]).count == 1)
        #expect(
            TextRules.checkPages([swift, "Sources/ArchiveFormat/X.docc/FileFormat.md"]).isEmpty
        )
    }
}
