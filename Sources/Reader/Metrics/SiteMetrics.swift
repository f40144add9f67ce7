internal import Telemetry

/// What the registry's table and the aggregators' own feed say of the site, as metrics.
struct SiteMetrics {
    let rows: [InstanceRow]
    /// The newest number of a field, by its full name.
    let newest: [String: Double]

    /// One field of the feed `recording`, and the metric that it becomes.
    private struct Recorded {
        let kind: MetricsText.Kind
        let field: String, name: String, unit: String, help: String
    }

    private static let recorded = [
        Recorded(
            kind: .counter,
            field: "records",
            name: "aggregator_taken",
            unit: "records",
            help: "records taken since the aggregator began"
        ),
        Recorded(
            kind: .counter,
            field: "bytes",
            name: "aggregator_taken",
            unit: "bytes",
            help: "bytes of records taken since the aggregator began"
        ),
        Recorded(
            kind: .gauge,
            field: "instances",
            name: "aggregator_pulled",
            unit: "instances",
            help: "instances that are being pulled"
        ),
        Recorded(
            kind: .gauge,
            field: "commit_time",
            name: "aggregator_commit",
            unit: "seconds",
            help: "longest commit of the last ten seconds"
        ),
        Recorded(
            kind: .gauge,
            field: "free",
            name: "aggregator_disk_free",
            unit: "bytes",
            help: "free on the archive's disk"
        ),
        Recorded(
            kind: .gauge,
            field: "unsealed",
            name: "aggregator_unsealed",
            unit: "bytes",
            help: "segments of the journal that are not sealed yet"
        ),
        Recorded(
            kind: .gauge,
            field: "waiting",
            name: "aggregator_queued",
            unit: "bytes",
            help: "what waits for the next commit"
        ),
        Recorded(
            kind: .counter,
            field: "commit_failures",
            name: "aggregator_commit",
            unit: "failures",
            help: "commits that the disk refused since the aggregator began"
        ),
        Recorded(
            kind: .gauge,
            field: "behind",
            name: "aggregator_lag",
            unit: "seconds",
            help: "age of the newest committed record of the slowest instance, 0 if none waits"
        ),
    ]

    /// What each agent counts of itself, from when it began.
    private func writeAgents(to text: inout MetricsText) {
        let counts: [(name: String, unit: String, help: String, of: (InstanceRow) -> Int64)] = [
            (
                "agent_published", "records",
                "records that the log of an agent has accepted in its epoch", \.published
            ),
            (
                "agent_refused", "messages",
                "messages and connections of peers that an agent has refused or ended", \.refused
            ),
            (
                "agent_audited", "records",
                "commands, ends of commands and refusals in the audit of an agent", \.audited
            ),
        ]
        for count in counts {
            text.add(
                .counter,
                count.name,
                unit: count.unit,
                help: count.help,
                rows.filter { $0.epoch != 0 }.map { row in
                    .init(
                        Double(count.of(row)),
                        ("agent", row.instance),
                        ("class", row.className)
                    )
                }
            )
        }
    }

    func write(to text: inout MetricsText) {
        let states: [InstanceRow.State] = [.alive, .silent, .missing, .stopped]
        text.add(
            .gauge,
            "site",
            unit: "agents",
            help: "agents of the site by state",
            states.map { state in
                .init(Double(rows.count { $0.state == state }), ("state", state.rawValue))
            }
        )
        let faults = rows.flatMap(\.faults)
        text.add(
            .gauge,
            "open",
            unit: "faults",
            help: "faults that are open, by severity",
            Fault.Severity.allCases.map { severity in
                .init(
                    Double(faults.count { $0.severity == severity }),
                    ("severity", severity.rawValue)
                )
            }
        )
        writeAgents(to: &text)
        let aggregators = rows.filter { $0.className == "Aggregator" }
        for recorded in Self.recorded {
            text.add(
                recorded.kind,
                recorded.name,
                unit: recorded.unit,
                help: recorded.help,
                aggregators.compactMap { row in
                    newest["\(row.instance).recording.\(recorded.field)"].map {
                        .init($0, ("agent", row.instance))
                    }
                }
            )
        }
    }
}
