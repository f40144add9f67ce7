internal import Telemetry

extension OCSConverter {
    /// FakeDataAgent: fields and rate; `--mode acq` becomes an operation that starts by itself.
    mutating func convertFakeData(_ arguments: inout OCSArguments, _ agent: inout ImportedAgent) {
        startsAcquiring(&arguments, &agent)
        if let channels = integer(
            arguments.take("num-channels"),
            of: agent,
            in: 1...Feed.mostFields
        ) {
            agent.arguments.append(("channels", "\(channels)"))
        }
        if let rate = number(arguments.take("sample-rate"), of: agent), rate > 0 {
            agent.arguments.append(("rate", Quantity.number(rate)))
        }
    }

    /// Lakeshore372Agent: the address; the dwell delay becomes `settle`.
    mutating func convertLakeshore372(
        _ arguments: inout OCSArguments,
        _ agent: inout ImportedAgent
    ) {
        startsAcquiring(&arguments, &agent)
        if let flag = arguments.take("ip-address"), let address = flag.values.first?.text {
            agent.arguments.append(("address", Setting.scalar(address, quoted: false)))
        }
        if let delay = number(arguments.take("dwell-time-delay"), of: agent) {
            agent.arguments.append(("settle", "\(Quantity.number(delay)) s"))
        }
    }

    /// AggregatorAgent: folder and rotation; the first one's become those of the site.
    mutating func convertAggregator(
        _ arguments: inout OCSArguments,
        _ agent: inout ImportedAgent,
        place: Place
    ) {
        if let flag = arguments.take("initial-state"), flag.values.first?.text == "record" {
            agent.start = ["record"]
        }
        var settings: [(key: String, value: String)] = []
        if let flag = arguments.take("data-dir"), let folder = flag.values.first?.text {
            let inside = folder.hasSuffix("/") ? "\(folder)cerro" : "\(folder)/cerro"
            settings.append(("directory", Setting.scalar(inside, quoted: false)))
            note(
                flag.place,
                "the archive of \(agent.id) is \(Setting.quote(inside)), beside the .g3 files, "
                    + "which stay as they are"
            )
        }
        if let flag = arguments.take("time-per-file"), let seconds = number(flag, of: agent) {
            let rotate = min(max(seconds, 1), 86_400)
            settings.append(("rotate", "\(Quantity.number(rotate)) s"))
            if rotate != seconds {
                note(flag.place, "`--time-per-file` is cut to \(Quantity.number(rotate)) s")
            }
        }
        if !hasAggregator {
            hasAggregator = true
            archive = settings
            askForReader()
        } else if !settings.isEmpty {
            let map = settings.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
            agent.arguments.append(("archive", "{\(map)}"))
        }
    }

    private func startsAcquiring(_ arguments: inout OCSArguments, _ agent: inout ImportedAgent) {
        let auto = arguments.take("auto-acquire") != nil
        let mode = arguments.take("mode")?.values.first?.text
        if auto || mode == "acq" { agent.start = ["acquire"] }
    }

    private mutating func number(
        _ flag: OCSArguments.Flag?,
        of agent: ImportedAgent
    ) -> Double? {
        guard let flag else { return nil }
        if let text = flag.values.first?.text, let number = Setting.number(text), number >= 0 {
            return number
        }
        note(flag.place, "`--\(flag.name)` of \(agent.id) is no number and is left out")
        return nil
    }

    private mutating func integer(
        _ flag: OCSArguments.Flag?,
        of agent: ImportedAgent,
        in range: ClosedRange<Int>
    ) -> Int? {
        guard let number = number(flag, of: agent) else { return nil }
        return min(
            max(Int(exactly: number.rounded()) ?? range.upperBound, range.lowerBound),
            range.upperBound
        )
    }
}
