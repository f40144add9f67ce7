internal import AgentClient
internal import ArchiveFormat
internal import ArgumentParser
internal import MessageBus
internal import Reader
internal import SiteConfig
internal import Telemetry

/// `cerro watch`: what is published now, for eyes; some of it may be missed.
struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Shows what is published now, until Ctrl-C.",
        discussion: """
            PATTERN is an instance, instance.feed or instance.feed.field; `*` stands for any run \
            of characters. On a terminal the newest value of each field has its place; otherwise, \
            and with --lines, each sample is a line, which with --json is a document of its own. \
            What is shown may have holes; `cerro get` has none.
            """
    )

    @Argument(
        help: "What to show; everything if left out.",
        completion: SiteCompletion.fields
    )
    var pattern = "*"

    @Flag(help: "One line a sample, on a terminal too.")
    var lines = false

    @OptionGroup var site: SiteOption
    @OptionGroup var format: FormatOption

    func run() async throws {
        let site = try site.load()
        let console = Console.current
        let filter = LiveFilter(pattern)
        let text = LiveText(filter: filter, isJSON: format.isJSON)
        let showsBoard = console.usesColour && !lines && !format.isJSON
        let (title, pattern) = ("\(site.name)  \(pattern)", pattern)
        _ = try await Signals.cancelling {
            try await SiteConnection.with(site) { client in
                let hint = try await WatchHint.sentence(pattern, client)
                if showsBoard {
                    let board = WatchBoard(title: title, filter: filter, hint: hint)
                    try await WatchScreen(board, filter: filter, console: console).run(client)
                } else {
                    if let hint { console.note(hint) }
                    var watch = LiveWatch(filter: filter)
                    try await watch.run(client) { instance, feed, blocks in
                        for line in text.lines(instance, feed, blocks) { console.answer(line) }
                    }
                }
            }
        }
    }
}

/// Follows what is published, decoded by what each instance declares.
struct LiveWatch {
    /// Takes the blocks of a feed of an instance.
    typealias Take = @Sendable (_ instance: String, _ feed: Feed, _ blocks: [Block]) -> Void

    private let filter: LiveFilter
    private var declarations: [String: [String: Feed]] = [:]

    init(filter: LiveFilter) {
        self.filter = filter
    }

    /// Runs until cancelled; instances that come later are found within seconds.
    mutating func run(_ client: SiteClient, _ take: Take) async throws {
        let messages = await client.listen(to: [filter.topic])
        _ = try await client.instances()
        // Ends with this function, by the `defer` below.
        let following = Task {
            let time = SystemTimeSource()
            while !Task.isCancelled {
                do { try await time.sleep(for: Limits.tablePeriod) } catch { return }
                _ = try? await client.instances()
            }
        }
        defer { following.cancel() }
        for await message in messages {
            await read(message, client, take)
        }
    }

    /// Takes one message; a feed that is not known is asked for first.
    private mutating func read(
        _ message: LiveMessage,
        _ client: SiteClient,
        _ take: Take
    ) async {
        let parts = message.topic.split(separator: "/").map(String.init)
        guard parts.count == 2, filter.mayMatch(instance: parts[0], feed: parts[1]) else { return }
        if let feed = declarations[parts[0]]?[parts[1]],
            let blocks = Self.blocks(of: feed, in: message.payload)
        {
            return take(parts[0], feed, blocks)
        }
        guard let description = try? await client.result(parts[0], Action.describe),
            let feeds = description["feeds"]?.array?.compactMap(Feed.init)
        else { return }
        declarations[parts[0]] = Dictionary(feeds.map { ($0.name, $0) }) { $1 }
        guard let feed = declarations[parts[0]]?[parts[1]],
            let blocks = Self.blocks(of: feed, in: message.payload)
        else { return }
        take(parts[0], feed, blocks)
    }

    private static func blocks(of feed: Feed, in payload: [UInt8]) -> [Block]? {
        payload.withUnsafeBytes { bytes in
            try? Record.withRecord(in: bytes) { record in
                record.header.kind == .data ? try record.blocks(of: feed) : nil
            }
        }
    }
}

/// Samples as lines.
struct LiveText {
    let filter: LiveFilter
    let isJSON: Bool

    /// One line a row: time, feed, then the fields that fit the pattern and have a sample.
    func lines(_ instance: String, _ feed: Feed, _ blocks: [Block]) -> [String] {
        let columns = feed.fields.enumerated().filter { _, field in
            filter.matches(FieldName(instance: instance, feed: feed.name, field: field.name))
        }
        return blocks.flatMap { block in
            block.timestamps.indices.compactMap { row in
                let cells = columns.compactMap { index, field -> (Field, Value)? in
                    let value = block.columns[index].value(at: row)
                    return value == .null ? nil : (field, value)
                }
                guard !cells.isEmpty else { return nil }
                return isJSON
                    ? document(instance, feed, block.timestamps[row], cells)
                    : line(instance, feed, block.timestamps[row], cells)
            }
        }
    }

    private func line(
        _ instance: String,
        _ feed: Feed,
        _ time: Timestamp,
        _ cells: [(Field, Value)]
    ) -> String {
        let values = cells.map { field, value in
            "\(field.name)=\(HumanText.value(value))" + (field.unit.map { " \($0.rawValue)" } ?? "")
        }
        return TextTable.onOneLine(
            "\(time) \(instance).\(feed.name) " + values.joined(separator: "  ")
        )
    }

    private func document(
        _ instance: String,
        _ feed: Feed,
        _ time: Timestamp,
        _ cells: [(Field, Value)]
    ) -> String {
        let values = Dictionary(cells.map { ($0.name, $1) }) { $1 }
        let document: Value = [
            "time": .string(time.description), "instance": .string(instance),
            "feed": .string(feed.name), "values": .map(values),
        ]
        return document.json
    }
}

/// Which live messages fit a pattern.
struct LiveFilter {
    private let pattern: FieldPattern
    private let parts: [String]

    /// A pattern with fewer than three parts stands for all that is below it.
    init(_ text: String) {
        parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        pattern = FieldPattern(parts.count < 3 && text.last != "*" ? text + ".*" : text)
    }

    /// The beginning of all topics that can fit.
    var topic: String {
        var topic = ""
        for part in parts.prefix(2) {
            guard !part.contains("*") else { break }
            topic += part + "/"
        }
        return topic
    }

    /// Whether the field fits.
    func matches(_ name: FieldName) -> Bool { pattern.matches(name.description) }

    /// Whether any field of a feed can fit.
    func mayMatch(instance: String, feed: String) -> Bool {
        guard parts.count == 3, !parts[0].contains("*"), !parts[1].contains("*") else {
            return parts.count == 3 || pattern.matches("\(instance).\(feed).x")
        }
        return parts[0] == instance && parts[1] == feed
    }
}
