internal import AgentClient
internal import ArgumentParser
internal import Reader
internal import Telemetry

/// `cerro get`: samples of fields, fresh and archived as one timeline.
struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Prints samples of fields: fresh and archived ones as one timeline.",
        discussion: """
            What is known to be missing (`missing: …`), where a clock was off (`clock: …`) and \
            what else to know is printed on standard error; json has it as `gaps`, `marks` and \
            `notes`, ndjson in its last line. `cerro gaps` lists it alone.
            """
    )

    /// In which form samples are printed.
    enum Format: String, CaseIterable, ExpressibleByArgument {
        /// Aligned columns, for people.
        case table
        /// Comma-separated, with a heading.
        case csv
        /// One JSON document a line, and a last one that says that nothing was cut.
        case ndjson
        /// One JSON document, as HTTP answers it.
        case json
    }

    @Argument(
        help: "Full names, instances, feeds (`cryo-1.temperatures`), or patterns with `*`.",
        completion: SiteCompletion.fields
    )
    var fields: [String]

    @Option(name: .customLong("max-points"), help: "At most so many buckets with min and max.")
    var maxPoints: Int?

    @Option(
        name: .customLong("min-stride"),
        help: ArgumentHelp("Samples at least so far apart.", valueName: "seconds")
    )
    var minStride: Double?

    @Option(help: "In which form.")
    var format = Format.table

    @Option(help: "How times are written: iso, s or ns; json and ndjson take s else.")
    var time: String?

    @OptionGroup var reader: ReaderOptions

    func validate() throws {
        guard maxPoints == nil || minStride == nil else {
            throw ValidationError("--max-points and --min-stride exclude each other; drop one")
        }
        if let time, SampleText.TimeForm(rawValue: time) == nil {
            throw ValidationError("--time is `\(time)`; expected iso, s or ns")
        }
    }

    func run() async throws {
        var reduction: [String: Value] = [:]
        if let maxPoints { reduction["max_points"] = .int(Int64(maxPoints)) }
        if let minStride { reduction["min_stride"] = .double(minStride) }
        let (fields, final) = (fields, reduction)
        let (names, answer) = try await reader.ask(from: { $0 - .seconds(3600) }) {
            (query, range, _) in
            let names = try await query.names(fields)
            return (names, try await query.data(names, range, final))
        }
        let usual: SampleText.TimeForm = format == .table || format == .csv ? .iso : .s
        let text = SampleText(
            times: time.flatMap(SampleText.TimeForm.init) ?? usual,
            columns: SampleText.columns(of: answer, fields: names)
        )
        let console = Console.current
        text.write(answer, names, format, console)
        for note in answer.notes { console.note(note) }
        guard format == .table || format == .csv else { return }
        for row in answer.gaps + answer.marks { console.note(TextTable.onOneLine(row.sentence)) }
    }
}

extension SampleText {
    /// Writes the answer in one of the forms.
    func write(
        _ answer: SampleAnswer,
        _ fields: [String],
        _ format: GetCommand.Format,
        _ console: Console
    ) {
        switch format {
        case .json:
            console.answer(document(answer, fields: fields))
        case .csv:
            console.answer(csvHeading(hasBuckets: answer.timelines.contains { $0.ends != nil }))
            for row in rows(of: answer) { console.answer(csv(row)) }
        case .ndjson:
            let rows = rows(of: answer)
            for row in rows { console.answer(ndjson(row)) }
            let end: Value = [
                "rows": .int(Int64(rows.count)), "tier": .string(answer.tier),
                "gaps": .array(answer.gaps.map(\.value)),
                "marks": .array(answer.marks.map(\.value)),
                "notes": .array(answer.notes.map(Value.string)),
            ]
            console.answer(end.json)
        case .table:
            var table = TextTable(tableColumns)
            for row in rows(of: answer) {
                for cells in cells(row) { table.append(cells) }
            }
            for line in table.lines { console.answer(line) }
        }
    }
}
