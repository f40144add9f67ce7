internal import ArgumentParser
internal import Reader
internal import Telemetry

/// `cerro gaps`: what is missing, and why.
struct GapsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gaps",
        abstract: "Lists what is known to be missing, how much, and why.",
        discussion: """
            From the last 24 hours unless told otherwise. Below stand marks: samples that are \
            there, but were dated by a clock that was off. A name that no field has ends with 1. \
            `cerro why FIELD` tells what is wrong now.
            """
    )

    @Argument(
        help: "Instances, feeds, fields, or patterns with `*`; everything if left out.",
        completion: SiteCompletion.fields
    )
    var patterns: [String] = []

    @OptionGroup var reader: ReaderOptions
    @OptionGroup var format: FormatOption

    func run() async throws {
        let patterns = patterns
        let ledger = try await reader.ask(from: { $0 - .seconds(86_400) }) { query, range, _ in
            try await query.ledger(patterns, range)
        }
        let rows = LedgerReport(ledger)
        let console = Console.current
        if format.isJSON {
            console.answer(ledger.json)
        } else {
            // A name that nobody has, has no gaps either: that must not look like good news.
            guard patterns.isEmpty || !patterns.allSatisfy(rows.unknown.contains) else {
                throw CommandFailure(.failed, rows.notes.joined(separator: "\n"))
            }
            for line in rows.lines { console.answer(line) }
            for note in rows.notes { console.note(note) }
        }
        guard rows.unknown.isEmpty else { throw CommandFailure(.failed, "") }
    }
}

/// Rows of the ledger as people read them.
struct LedgerReport {
    /// What is missing, what retention has removed, and where a clock was off.
    let gaps: [LedgerEntry], removed: [LedgerEntry], marks: [LedgerEntry]
    /// What a person should know about the rows.
    let notes: [String]
    /// The names and patterns that no field has.
    let unknown: [String]

    /// Reads the reader's answer to `gaps`.
    init(_ answer: Value) {
        let rows = answer["gaps"]?.array?.compactMap(LedgerEntry.init) ?? []
        gaps = rows.filter { $0.kind != .retention }
        removed = rows.filter { $0.kind == .retention }
        marks = answer["marks"]?.array?.compactMap(LedgerEntry.init) ?? []
        notes = answer["notes"]?.array?.compactMap(\.string) ?? []
        unknown = answer["unknown"]?.array?.compactMap(\.string) ?? []
    }

    /// A table of what is missing, its total, and tables of what else there is.
    var lines: [String] {
        var lines = gaps.isEmpty ? [] : Self.table(gaps) + [""]
        lines.append(total)
        if !removed.isEmpty {
            lines += ["", "not lost, but removed by retention:"] + Self.table(removed)
        }
        if !marks.isEmpty {
            lines += ["", "there, but dated by a clock that was off:"] + Self.table(marks)
        }
        return lines
    }

    /// How much is missing at all.
    private var total: String {
        guard !gaps.isEmpty else { return "nothing is known to be missing" }
        let counts = gaps.compactMap(\.count)
        let rows = gaps.count == 1 ? "1 gap" : "\(HumanText.count(Int64(gaps.count))) gaps"
        let unknown = gaps.count - counts.count
        return "\(rows), \(HumanText.records(counts.reduce(0, +)))"
            + (unknown == 0 ? "" : ", and \(unknown) of them of which nobody knows how many")
    }

    private static func table(_ rows: [LedgerEntry]) -> [String] {
        var table = TextTable([
            ("from", .left), ("to", .left), ("duration", .right), ("what", .left),
            ("records", .right), ("cause", .left),
        ])
        for row in rows {
            table.append([
                row.from.description, row.to.description, HumanText.duration(row.to - row.from),
                row.feed.map { "\(row.instance).\($0)" } ?? row.instance,
                row.count.map(HumanText.count) ?? "?", row.cause,
            ])
        }
        return table.lines
    }
}
