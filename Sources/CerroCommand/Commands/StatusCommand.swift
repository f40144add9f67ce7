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
            Exits with 1 if an instance of the site file is missing or silent.
            """
    )

    @OptionGroup var site: SiteOption
    @OptionGroup var format: FormatOption

    func run() async throws {
        let site = try site.load()
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
        if format.isJSON {
            let table = rows.map { row -> Value in
                var members = row.value.map ?? [:]
                members["completeness"] = hour.map { .map($0.value(of: row.instance)) }
                return .map(members)
            }
            console.answer(Value.array(table).json)
        } else {
            let lines = StatusReport.lines(
                rows,
                completeness: hour,
                siteHash: { AgentClasses.hash(of: $0, at: site) },
                now: now,
                console
            )
            for line in lines { console.answer(line) }
        }
        let absent = rows.filter { $0.state == .missing || $0.state == .silent }
        guard absent.isEmpty else {
            throw CommandFailure(.failed, StatusReport.sentence(absent, among: rows, now: now))
        }
    }
}

/// The registry's table as people read it.
enum StatusReport {
    /// The lines: a table of the instances, then the faults, then who runs an older site file.
    static func lines(
        _ rows: [InstanceRow],
        completeness: Completeness? = nil,
        siteHash: (String) -> String?,
        now: Timestamp,
        _ console: Console
    ) -> [String] {
        let sorted = rows.sorted { $0.instance < $1.instance }
        let absent = hearing(rows, now: now) == nil ? "missing" : "not heard yet"
        var table = TextTable(
            [
                ("instance", .left), ("class", .left), ("state", .left), ("host", .left),
                ("since", .left), ("records", .right),
            ] + (completeness == nil ? [] : [("1 h", .right)]) + [("operations", .left)]
        )
        for row in sorted {
            let isThere = row.state == .alive || row.state == .silent
            var cells = [
                row.instance, row.className,
                row.state == .missing ? absent : row.state.rawValue, row.host,
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

    /// Who of `rows` is not there.
    static func sentence(
        _ absent: [InstanceRow],
        among rows: [InstanceRow],
        now: Timestamp
    ) -> String {
        let hearing = hearing(rows, now: now)
        let words = absent.map { row in
            "\(row.instance) is "
                + (hearing != nil && row.state == .missing ? "not heard yet" : row.state.rawValue)
        }
        return words.joined(separator: ", ") + (hearing.map { ". " + $0 } ?? "")
    }

    /// What to say while a registry that has just begun may not have heard from all who live; nil
    /// once it has had the time.
    static func hearing(_ rows: [InstanceRow], now: Timestamp) -> String? {
        guard SiteClient.isHearing(rows, at: now) else { return nil }
        return "The registry has just begun and hears from those who live within "
            + "\(HumanText.duration(SiteClient.hearing)): ask again then"
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
