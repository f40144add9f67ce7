internal import AgentClient
internal import Archive
internal import ArgumentParser
internal import Foundation
internal import MessageBus
internal import SiteConfig
internal import Telemetry

/// What a shell offers from the site that runs.
///
/// Whoever presses the key waits: who has not answered within ``Limits/completion`` is not heard,
/// and whatever goes wrong offers nothing and prints nothing.
enum SiteCompletion {
    /// Instances: those of the site file, and those that the registry knows beside.
    static let instances = kind { line in
        guard let site = site(line) else { return [] }
        let known = [Site.registryID] + site.hosts.flatMap(\.agents).map(\.id)
        let rows = await ask(site) { try await $0.instances(timeout: Limits.completion) } ?? []
        return known + rows.map(\.instance).filter { !known.contains($0) }.sorted()
    }

    /// Readers of the site file.
    static let readers = kind { line in site(line).map(readers(of:)) ?? [] }

    /// The readers of a site.
    static func readers(of site: Site) -> [String] {
        site.hosts.flatMap(\.agents).filter { $0.className == "Reader" }.map(\.id)
    }

    /// Archives that the logs of the site know.
    static let archives = kind { line in
        guard let site = site(line) else { return [] }
        let survey = await ask(site) { try await ArchiveSurvey.take($0) }
        return survey?.archives.map(\.id) ?? []
    }

    /// Files of the archive, newest first.
    static let archiveFiles = CompletionKind.custom { (words, index, prefix) -> [String] in
        files(CompletionLine(words, index: index, prefix: prefix))
    }

    /// Its sealed files, newest first.
    static let sealedFiles = CompletionKind.custom { (words, index, prefix) -> [String] in
        files(CompletionLine(words, index: index, prefix: prefix)).filter { $0.hasSuffix(".cerro") }
    }

    private static func files(_ line: CompletionLine) -> [String] {
        guard let folder = line.directory ?? site(line)?.archive.directory else { return [] }
        let paths = (try? ArchiveTool.paths(ArchiveDirectory(folder))) ?? []
        return line.fitting(paths.reversed())
    }

    /// Hosts of the site file.
    static let hosts = kind { line in site(line)?.hosts.map(\.name) ?? [] }

    /// Operations of the instance before, in `cerro call`.
    static let operations = kind { line in
        await operations(of: line.word(0), line).compactMap { $0["name"]?.string }
    }

    /// What follows an operation in `cerro call`: an action, then parameters.
    static let callWords = kind { line in
        guard let name = line.word(1) else { return [] }
        let operation = await operations(of: line.word(0), line).first {
            $0["name"]?.string == name
        }
        let parameters = (operation?["parameters"]?.array ?? []).flatMap(words)
        let actions = CallArguments.Action.allCases.map(\.rawValue)
        return (line.word(2) == nil ? actions : []) + parameters
    }

    /// Full names of fields that have samples.
    static let fields = kind { line in
        guard let site = site(line) else { return [] }
        guard let reader = readers(of: site).first else { return [] }
        let answer = await ask(site) { client in
            try await client.result(
                reader,
                "get_fields",
                ["match": [.string(line.prefix + "*")], "start": 1],
                timeout: Limits.completion
            )
        }
        return (answer?["fields"]?.map ?? [:]).keys.sorted()
    }

    /// A parameter with each value that is worth offering; the name alone where none is.
    static func words(_ parameter: Value) -> [String] {
        guard let name = parameter["name"]?.string else { return [] }
        let values: [Value] =
            if let choices = parameter["choices"]?.array {
                choices
            } else if parameter["type"]?.string == "bool" {
                [true, false]
            } else { [parameter["default"] ?? .null].filter { $0 != .null } }
        guard !values.isEmpty else { return ["\(name)="] }
        return values.map { "\(name)=" + ($0.string ?? $0.json) }
    }

    private static func kind(
        _ candidates: @escaping @Sendable (CompletionLine) async -> [String]
    ) -> CompletionKind {
        .custom { words, index, prefix in
            let line = CompletionLine(words, index: index, prefix: prefix)
            return line.fitting(await candidates(line))
        }
    }

    private static func operations(of instance: String?, _ line: CompletionLine) async -> [Value] {
        guard let instance, let site = site(line) else { return [] }
        let answer = await ask(site) {
            try await $0.result(instance, Action.describe, timeout: Limits.completion)
        }
        return answer?["operations"]?.array ?? []
    }

    private static func site(_ line: CompletionLine) -> Site? {
        let environment = ProcessInfo.processInfo.environment
        var option = SiteOption()
        option.file = line.site
        return (try? option.path(environment: environment)).flatMap {
            try? Site.load(path: $0, environment: environment)
        }
    }

    /// An answer of the site, nil where there is none within ``Limits/completion``.
    private static func ask<Answer: Sendable>(
        _ site: Site,
        _ body: @escaping @Sendable (SiteClient) async throws -> Answer
    ) async -> Answer? {
        await withTaskGroup(of: Answer?.self) { group in
            group.addTask { try? await SiteConnection.with(site) { try await body($0) } }
            group.addTask {
                try? await SystemTimeSource().sleep(for: Limits.completion)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }
}
