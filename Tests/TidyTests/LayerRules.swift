/// Who may import whom: the order of Package.swift, and one home for each third-party package.
enum LayerRules {
    /// The one target, or the few, that may import a third-party or C module.
    static let homes: [String: Set<String>] = [
        "Yams": ["SiteConfig"],
        "CCairo": ["CerroCommand"],
        "CMsgPack": ["MessagePack"],
        "CZstd": ["ArchiveFormat"],
        "CChecksum": ["ArchiveFormat"],
        "CPacking": ["ArchiveFormat"],
        "CRE2": ["PromQL"],
        "CKernel": ["Archive", "CerroCommand", "Telemetry"],
        "CZeroMQ": ["ZeroMQ"],
        "GRDB": ["Archive"],
        "ServiceLifecycle": ["AgentRuntime", "CerroCommand"],
        "UnixSignals": ["AgentRuntime", "CerroCommand"],
        "Hummingbird": ["Reader"],
        "HummingbirdCore": ["Reader"],
        "HummingbirdTLS": ["Reader"],
        "HummingbirdTesting": ["Reader"],
        "Crypto": ["Reader"],
        "NIOSSL": ["Reader"],
        "HTTPTypes": ["Reader"],
        "ArgumentParser": ["CerroCommand"],
    ]

    /// What may be used from `MessageBus` on: the network, logs and metrics.
    private static let upperPackages = ["NIO", "Logging", "Metrics"]

    /// The findings about the imports of one file.
    static func check(_ file: SourceFile, _ manifest: Manifest) -> [Finding] {
        guard let target = file.target, let layer = manifest.layer(of: target) else {
            return missingTarget(file, manifest)
        }
        let declared = manifest.targets[layer].dependencies
        return imports(of: file).flatMap { module, line -> [Finding] in
            let problems = [
                order(of: module, in: target, manifest, declared, isProduct: file.isProduct),
                home(of: module, in: target, manifest, isProduct: file.isProduct),
                ban(of: module, in: target, isProduct: file.isProduct),
            ]
            return problems.compactMap { problem in
                problem.map { Finding(file: file.path, line: line, message: $0) }
            }
        }
    }

    /// The imported modules, each with its line.
    static func imports(of file: SourceFile) -> [(module: String, line: Int)] {
        file.places(of: "import", in: file.code).compactMap { offset in
            let line = file.line(at: offset)
            let start = file.lineStarts[line - 1]
            let before = String(decoding: file.code[start..<offset], as: UTF8.self)
            guard before.allSatisfy({ $0.isLetter || " @_()".contains($0) }) else { return nil }
            let rest = file.bytes(ofLine: line, in: file.code).dropFirst(offset - start + 6)
            let words = String(decoding: rest, as: UTF8.self).split(separator: " ")
            let kinds: Set<Substring> = [
                "struct", "class", "enum", "protocol", "func", "var", "let", "typealias",
            ]
            let name = words.first { !kinds.contains($0) }
            return name?.split(separator: ".").first.map { (String($0), line) }
        }
    }

    private static func missingTarget(_ file: SourceFile, _ manifest: Manifest) -> [Finding] {
        guard let target = file.target else { return [] }
        return [
            Finding(
                file: file.path.split(separator: "/").prefix(2).joined(separator: "/"),
                line: 1,
                message: "the folder \(target) is no target of Package.swift, so nobody builds or "
                    + "tests it: declare the target or delete the folder"
            )
        ]
    }

    private static func order(
        of module: String,
        in target: String,
        _ manifest: Manifest,
        _ declared: Set<String>,
        isProduct: Bool
    ) -> String? {
        guard let layer = manifest.layer(of: target), let other = manifest.layer(of: module)
        else { return nil }
        if other >= layer {
            return "\(target) imports \(module), which is not above it in Package.swift; layers "
                + "keep changes local: move the code down, or pass the thing in as a protocol"
        }
        guard declared.contains(module) else {
            return "\(target) imports \(module) without declaring it, which builds only by "
                + "accident: add it to the target's dependencies in Package.swift"
        }
        return nil
    }

    private static func home(
        of module: String,
        in target: String,
        _ manifest: Manifest,
        isProduct: Bool
    ) -> String? {
        let owner = isProduct ? target : String(target.dropLast("Tests".count))
        if let homes = homes[module], !homes.contains(owner) {
            return "\(target) imports \(module), whose home is "
                + "\(homes.sorted().joined(separator: " and ")): one home keeps a package "
                + "replaceable; use what that target offers, or add it there"
        }
        guard upperPackages.contains(where: module.hasPrefix), isProduct,
            let bus = manifest.layer(of: "MessageBus"), let layer = manifest.layer(of: target),
            layer < bus
        else { return nil }
        return "\(target) imports \(module), which only MessageBus and the targets after it may: "
            + "what lies below has neither network nor log; return or throw what is to be said"
    }

    private static func ban(of module: String, in target: String, isProduct: Bool) -> String? {
        guard isProduct else { return nil }
        switch (target, module) {
        case (_, "CerroTesting"):
            return "\(target) imports CerroTesting, which must not reach a product: move what is "
                + "needed into the target that it is about"
        case ("InstrumentAgents", "InstrumentEmulators"):
            return "an agent imports an emulator, so that one mistake in a protocol would look "
                + "right on both sides: let both cite the manual"
        case ("Telemetry", "Foundation"), ("Telemetry", "FoundationEssentials"):
            return "Telemetry imports \(module), and with it everybody does: the words need the "
                + "standard library only"
        default:
            return nil
        }
    }
}
