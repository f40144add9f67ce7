internal import ArgumentParser
internal import Reader
internal import Telemetry

/// `cerro fields`: what the archive has.
struct FieldsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fields",
        abstract: "Lists the fields that have samples, with type, unit and meaning.",
        discussion: "Of all time where none is given: a clock may have put samples after now."
    )

    @Argument(
        help: "Full names, feeds, instances, or patterns with `*`; everything if left out.",
        completion: SiteCompletion.fields
    )
    var patterns: [String] = []

    @OptionGroup var reader: ReaderOptions
    @OptionGroup var format: FormatOption

    func run() async throws {
        let patterns = patterns
        let all = FieldsQuery.allTime
        let (fields, unknown) = try await reader.ask(
            from: { _ in all.lowerBound },
            to: { _ in all.upperBound }
        ) { query, range, _ in
            let fields = try await query.fields(
                patterns.map { FieldPattern($0).widened.text },
                range
            )
            let names = fields.compactMap { $0["name"]?.string }
            let silent = patterns.filter { pattern in
                !names.contains(where: FieldPattern(pattern).widened.matches)
            }
            let known = silent.isEmpty ? [] : try await query.known()
            return (fields, ReaderQuery.unknown(silent, among: known))
        }
        let console = Console.current
        if format.isJSON {
            console.answer(Value.array(fields).json)
        } else {
            if !fields.isEmpty { for line in Self.lines(fields) { console.answer(line) } }
        }
        guard unknown.isEmpty else {
            throw CommandFailure(.failed, unknown.joined(separator: "\n"))
        }
        guard !fields.isEmpty || patterns.isEmpty else {
            throw CommandFailure(.failed, "no field that fits has samples in that time")
        }
    }

    /// The fields as a table.
    static func lines(_ fields: [Value]) -> [String] {
        var table = TextTable([
            ("field", .left), ("type", .left), ("unit", .left), ("description", .left),
        ])
        for field in fields {
            table.append([
                field["name"]?.string ?? "", field["value_type"]?.string ?? "",
                field["units"]?.string ?? "", field["description"]?.string ?? "",
            ])
        }
        return table.lines
    }
}
