internal import AgentClient
internal import ArgumentParser
internal import MessageBus
internal import SiteConfig
internal import Telemetry

/// `cerro describe`: what an instance can do and what it publishes.
struct DescribeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Shows what an instance can do, with parameters, and what it publishes."
    )

    @Argument(help: "The instance.", completion: SiteCompletion.instances)
    var instance: String

    @OptionGroup var site: SiteOption
    @OptionGroup var format: FormatOption

    func run() async throws {
        let site = try site.load()
        let description = try await SiteConnection.with(site) {
            try await $0.result(instance, Action.describe)
        }
        let console = Console.current
        guard !format.isJSON else { return console.answer(description.json) }
        for line in DescriptionReport.lines(description) { console.answer(line) }
    }
}

/// The answer to `describe` as people read it.
enum DescriptionReport {
    static func lines(_ description: Value) -> [String] {
        let text = { (key: String) in description[key]?.string ?? "" }
        var lines = [
            "\(text("instance")): \(text("class")) \(text("version")) on host \(text("host"))",
            "", "operations:",
        ]
        for operation in description["operations"]?.array ?? [] {
            lines += self.operation(operation).map { "  " + $0 }
        }
        lines += ["", "feeds:"]
        for feed in (description["feeds"]?.array ?? []).compactMap(Feed.init) {
            lines += self.feed(feed).map { "  " + $0 }
        }
        return lines.map(TextTable.onOneLine)
    }

    private static func operation(_ operation: Value) -> [String] {
        let name = operation["name"]?.string ?? ""
        let kind = operation["kind"]?.string ?? ""
        let help = operation["help"]?.string ?? ""
        let isAbortable = operation["abortable"]?.bool == true
        let heading =
            "\(name) (\(kind)\(isAbortable ? ", abortable" : ""))"
            + (help.isEmpty ? "" : ": \(help)")
        return [heading] + (operation["parameters"]?.array ?? []).map { "  " + parameter($0) }
    }

    private static func parameter(_ parameter: Value) -> String {
        var text = "\(parameter["name"]?.string ?? "")=\(parameter["type"]?.string ?? "")"
        if let unit = parameter["unit"]?.string { text += " in \(unit)" }
        if let bounds = parameter["range"]?.array, bounds.count == 2 {
            let isWhole = parameter["type"]?.string == "int"
            let words = bounds.map { HumanText.value(isWhole ? $0.int.map(Value.int) ?? $0 : $0) }
            text += ", \(words[0]) to \(words[1])"
        }
        if let choices = parameter["choices"]?.array {
            text += ", one of " + choices.map(HumanText.value).joined(separator: " ")
        }
        let isRequired = parameter["required"]?.bool == true
        text +=
            isRequired ? ", required" : ", else \(HumanText.value(parameter["default"] ?? .null))"
        if let help = parameter["help"]?.string, !help.isEmpty { text += ": \(help)" }
        return text
    }

    private static func feed(_ feed: Feed) -> [String] {
        let period = feed.period.map { ", every \(HumanText.duration($0))" } ?? ""
        let heading =
            "\(feed.name)\(period)" + (feed.description.isEmpty ? "" : ": \(feed.description)")
        return [heading]
            + feed.fields.map { field in
                let unit = field.unit.map { " in \($0.rawValue)" } ?? ""
                let help = field.description.isEmpty ? "" : ": \(field.description)"
                return "  \(field.name), \(field.type.rawValue)\(unit)\(help)"
            }
    }
}
