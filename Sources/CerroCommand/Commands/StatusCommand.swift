internal import AgentClient
internal import ArgumentParser
internal import SiteConfig
internal import Telemetry

/// `cerro status`: who lives, where, since when, doing what, with which faults.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows who lives, where, since when, doing what, and which faults there are.",
        discussion: "Exits with 1 if an instance of the site file is missing or silent."
    )

    @OptionGroup var site: SiteOption
    @OptionGroup var format: FormatOption

    func run() async throws {
        let site = try site.load()
        let rows = try await SiteConnection.with(site) { try await $0.instances() }
        let console = Console.current
        if format.isJSON {
            console.answer(Value.array(rows.map(\.value)).json)
        } else {
            let now = SystemTimeSource().now
            for line in StatusReport.lines(rows, siteHash: site.hash, now: now, console) {
                console.answer(line)
            }
        }
        let absent = rows.filter { $0.state == .missing || $0.state == .silent }
        guard absent.isEmpty else {
            throw CommandFailure(
                .failed,
                absent.map { "\($0.instance) is \($0.state.rawValue)" }.joined(separator: ", ")
            )
        }
    }
}

/// The registry's table as people read it.
enum StatusReport {
    /// The lines: a table of the instances, then the faults, then who runs an older site file.
    static func lines(
        _ rows: [InstanceRow],
        siteHash: String,
        now: Timestamp,
        _ console: Console
    ) -> [String] {
        let sorted = rows.sorted { $0.instance < $1.instance }
        var table = TextTable([
            ("instance", .left), ("class", .left), ("state", .left), ("host", .left),
            ("since", .left), ("records", .right), ("operations", .left),
        ])
        for row in sorted {
            let isThere = row.state == .alive || row.state == .silent
            table.append([
                row.instance, row.className, row.state.rawValue, row.host,
                isThere ? HumanText.age(of: row.since, at: now) : "-",
                isThere ? HumanText.count(row.published) : "-",
                row.operations.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
                    .joined(separator: ", "),
            ])
        }
        var lines = table.lines
        for (index, row) in sorted.enumerated() {
            lines[index + 1] = coloured(lines[index + 1], row, console)
        }
        let faults = sorted.flatMap { row in
            row.faults.map { FaultReport.line($0, of: row.instance, now: now, console) }
        }
        if !faults.isEmpty { lines += ["", "faults:"] + faults.map { "  " + $0 } }
        let older = sorted.filter { !$0.siteHash.isEmpty && $0.siteHash != siteHash }
        if !older.isEmpty {
            lines += [
                "",
                "another version of the site file is run by "
                    + older.map(\.instance).joined(separator: ", ")
                    + ": restart them to follow this one",
            ]
        }
        return lines
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
