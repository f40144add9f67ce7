internal import AgentClient
internal import Telemetry

/// The audit as people read it: what began and what came of it in one row.
enum AuditReport {
    /// A request: a command with its end, as far as it is there, or a refusal, which is an end.
    struct Command: Sendable {
        var begin: AuditLine?
        var end: AuditLine?

        /// What both of them say, the end above all; when it began, and what came of it.
        var value: Value {
            guard let line = end ?? begin, case .map(var members) = line.value else { return .null }
            members["time"] = .string(time(of: line).description)
            if let end { members["end"] = .string(end.time.description) }
            return .map(members)
        }

        /// When it was asked for.
        func time(of line: AuditLine) -> Timestamp {
            begin?.time ?? line.time - .nanoseconds(Int64((line.entry.seconds ?? 0) * 1e9))
        }
    }

    /// The entries of a timeline of the reader's answer.
    static func lines(_ timeline: SampleAnswer.Timeline) -> [AuditLine] {
        let instance = timeline.name.prefix { $0 != "." }
        let columns = Dictionary(
            timeline.columns.map { name, column in
                (String(name.split(separator: ".").last ?? ""), column)
            },
            uniquingKeysWith: { first, _ in first }
        )
        return timeline.times.indices.compactMap { row in
            AuditEntry { columns[$0]?.value(at: row) }.map {
                AuditLine(instance: String(instance), time: timeline.times[row], entry: $0)
            }
        }
    }

    /// Pairs each beginning with its end, in the order in which they were asked for.
    static func commands(of lines: [AuditLine]) -> [Command] {
        var commands: [Command] = []
        var underWay: [String: Int] = [:]
        // An end may be dated before its beginning where the clock was set.
        let ordered =
            lines.filter { $0.entry.outcome == .started }
            + lines.filter { $0.entry.outcome != .started }
        for line in ordered {
            let key = line.instance + "/" + line.entry.request
            switch line.entry.outcome {
            case .started:
                underWay[key] = commands.count
                commands.append(Command(begin: line))
            case .done, .failed:
                if let index = underWay.removeValue(forKey: key) {
                    commands[index].end = line
                } else {
                    commands.append(Command(end: line))
                }
            case .refused, .expired, .repeated: commands.append(Command(end: line))
            }
        }
        return commands.compactMap { command in
            (command.end ?? command.begin).map { (command.time(of: $0), command) }
        }.sorted { $0.0 < $1.0 }.map(\.1)
    }

    /// A table of commands; empty where there are none.
    static func table(_ commands: [Command]) -> [String] {
        guard !commands.isEmpty else { return [] }
        var table = TextTable([
            ("time", .left), ("who", .left), ("from", .left), ("instance", .left), ("what", .left),
            ("outcome", .left), ("took", .right), ("reason", .left),
        ])
        for command in commands {
            guard let line = command.end ?? command.begin else { continue }
            let entry = line.entry
            table.append([
                command.time(of: line).description, entry.who, entry.address, line.instance,
                what(entry), word(entry.outcome),
                entry.seconds.map { HumanText.duration(.seconds($0)) } ?? "", entry.reason,
            ])
        }
        return table.lines
    }

    /// One entry on one line.
    static func line(_ line: AuditLine) -> String {
        let entry = line.entry
        let parts = [
            line.time.description, line.instance, entry.outcome.rawValue, what(entry),
            entry.who.isEmpty ? "" : "by \(entry.who)",
            entry.address.isEmpty ? "" : "from \(entry.address)",
            entry.seconds.map { "after \(HumanText.duration(.seconds($0)))" } ?? "",
            entry.reason.isEmpty ? "" : "(\(entry.reason))",
        ]
        return TextTable.onOneLine(parts.filter { !$0.isEmpty }.joined(separator: " "))
    }

    private static func what(_ entry: AuditEntry) -> String {
        [entry.action, entry.operation, entry.parameters].filter { !$0.isEmpty }
            .joined(separator: " ")
    }

    /// Of what has only begun nobody knows whether it still runs.
    private static func word(_ outcome: AuditEntry.Outcome) -> String {
        outcome == .started ? "under way" : outcome.rawValue
    }
}
