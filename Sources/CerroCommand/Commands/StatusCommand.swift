internal import AgentClient
internal import ArgumentParser
internal import SiteConfig
internal import Telemetry

/// `cerro status`: who lives, where, since when, doing what, with which faults.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows who lives, where, since when, doing what, and which faults there are.",
        discussion: """
            The column `1 h` says how much of what was published in the last hour is in the \
            archive, of the worst feed of each instance; it is left out where no reader answers. \
            Exits with 1 if an instance that is shown is missing or silent.
            """
    )

    @Option(
        help: ArgumentHelp("Only the instances of this host.", valueName: "name"),
        completion: SiteCompletion.hosts
    )
    var host: String?

    @OptionGroup var site: SiteOption
    @OptionGroup var format: FormatOption

    func run() async throws {
        let site = try site.load()
        let host = try host.map { try HostDirectory.host(named: $0, of: site).name }
        let now = SystemTimeSource().now
        let (rows, hour) = try await SiteConnection.with(site) { client in
            let rows = try await client.instances()
            let timelines = await ReaderQuery.completeness(
                client,
                rows,
                now - .seconds(3600)..<now,
                patience: Limits.statusQuery
            )
            return (rows, timelines.map(Completeness.init))
        }
        let console = Console.current
        let shown = rows.filter { host == nil || $0.host == host }
        // A registry that has just begun knows less than it will, wherever it runs.
        let isHearing = SiteClient.isHearing(rows, at: now)
        if format.isJSON {
            let table = shown.map { row -> Value in
                var members = row.value.map ?? [:]
                members["completeness"] = hour.map { .map($0.value(of: row.instance)) }
                return .map(members)
            }
            console.answer(Value.array(table).json)
        } else {
            let lines = StatusReport.lines(
                shown,
                isHearing: isHearing,
                completeness: hour,
                siteHash: { AgentClasses.hash(of: $0, at: site) },
                now: now,
                console
            )
            for line in lines { console.answer(line) }
        }
        let absent = shown.filter { $0.state == .missing || $0.state == .silent }
        guard absent.isEmpty else {
            throw CommandFailure(.failed, StatusReport.sentence(absent, isHearing: isHearing))
        }
    }
}

/// The registry's table as people read it.
enum StatusReport {
    /// The lines: a table of the instances, then the faults, then who runs an older site file.
    ///
    /// While the registry has just begun and is `isHearing`, nobody is called missing.
    static func lines(
        _ rows: [InstanceRow],
        isHearing: Bool = false,
        completeness: Completeness? = nil,
        siteHash: (String) -> String?,
        now: Timestamp,
        _ console: Console
    ) -> [String] {
        let sorted = rows.sorted { $0.instance < $1.instance }
        var table = TextTable(
            [
                ("instance", .left), ("class", .left), ("state", .left), ("host", .left),
                ("since", .left), ("records", .right),
            ] + (completeness == nil ? [] : [("1 h", .right)]) + [("operations", .left)]
        )
        for row in sorted {
            let isThere = row.state == .alive || row.state == .silent
            var cells = [
                row.instance, row.className, word(for: row.state, isHearing), row.host,
                isThere ? HumanText.age(of: row.since, at: now) : "-",
                isThere ? HumanText.count(row.published) : "-",
            ]
            if let completeness { cells.append(completeness.text(of: row.instance)) }
            cells.append(
                row.operations.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
                    .joined(separator: ", ")
            )
            table.append(cells)
        }
        var lines = table.lines
        for (index, row) in sorted.enumerated() {
            lines[index + 1] = coloured(lines[index + 1], row, console)
        }
        let controls = sorted.compactMap { row in
            row.control.map { TextTable.onOneLine("\(row.instance): \($0)") }
        }
        if !controls.isEmpty { lines += ["", "control:"] + controls.map { "  " + $0 } }
        let faults = sorted.flatMap { row in
            row.faults.map { FaultReport.line($0, of: row.instance, now: now, console) }
        }
        if !faults.isEmpty { lines += ["", "faults:"] + faults.map { "  " + $0 } }
        let clocks = ClockReport.lines(sorted, console)
        if !clocks.isEmpty {
            lines += ["", "clocks, against the registry's:"] + clocks.map { "  " + $0 }
        }
        let older = sorted.filter { row in
            guard !row.siteHash.isEmpty, let hash = siteHash(row.instance) else { return false }
            return row.siteHash != hash
        }
        if !older.isEmpty {
            lines += [
                "",
                "another version of the site file is run by "
                    + older.map(\.instance).joined(separator: ", ")
                    + ": `cerro host reload` has them follow this one",
            ]
        }
        return lines
    }

    /// Who is not there; and what to do while the registry is `isHearing`.
    static func sentence(_ absent: [InstanceRow], isHearing: Bool) -> String {
        let words = absent.map { row in
            "\(row.instance) is \(word(for: row.state, isHearing))"
        }
        let advice =
            "The registry has just begun and hears from those who live within "
            + "\(HumanText.duration(SiteClient.hearing)): ask again then"
        return words.joined(separator: ", ") + (isHearing ? ". " + advice : "")
    }

    private static func word(for state: InstanceRow.State, _ isHearing: Bool) -> String {
        isHearing && state == .missing ? "not heard yet" : state.rawValue
    }

    private static func coloured(_ line: String, _ row: InstanceRow, _ console: Console) -> String {
        switch row.state {
        case .silent, .missing: console.coloured(line, .red)
        case .stopped: console.coloured(line, .faint)
        case .alive:
            row.operations.values.contains("degraded") || !row.faults.isEmpty
                ? console.coloured(line, .yellow) : line
        }
    }
}

/// Faults as people read them.
enum FaultReport {
    /// One line: severity, what, since when, the sentence.
    static func line(
        _ fault: Fault,
        of instance: String,
        now: Timestamp,
        _ console: Console
    ) -> String {
        let subject = fault.subject.isEmpty ? "" : " (\(fault.subject))"
        let severity = console.coloured(
            fault.severity.rawValue,
            fault.severity == .warning ? .yellow : .red
        )
        let text = TextTable.onOneLine("\(instance): \(fault.id)\(subject)")
        return "\(severity)  \(text), \(HumanText.age(of: fault.since, at: now)): "
            + TextTable.onOneLine(fault.text)
    }
}
