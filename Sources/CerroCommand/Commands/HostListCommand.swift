internal import AgentClient
internal import ArgumentParser
internal import SiteConfig
internal import Telemetry

/// `cerro host list`: the hosts, their clocks, and how their instances stand.
struct HostListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Shows the hosts with their clocks, and how their instances stand.",
        discussion: "Exits with 3 if none of the hosts has a manager that answers."
    )

    @Option(
        help: ArgumentHelp("Only this host.", valueName: "name"),
        completion: SiteCompletion.hosts
    )
    var host: String?

    @OptionGroup var site: SiteOption
    @OptionGroup var format: FormatOption

    func run() async throws {
        let site = try site.load()
        let hosts = try host.map { [try HostDirectory.host(named: $0, of: site)] } ?? site.hosts
        let reports = try await SiteConnection.with(site) { client in
            let rows = try await client.instances()
            return await withTaskGroup { group in
                for (place, host) in hosts.enumerated() {
                    group.addTask { (place, await HostReport(host, rows, client)) }
                }
                return await group.reduce(into: [(Int, HostReport)]()) { $0.append($1) }
                    .sorted { $0.0 < $1.0 }.map(\.1)
            }
        }
        let console = Console.current
        if format.isJSON {
            console.answer(Value.array(reports.map(\.value)).json)
        } else {
            let now = SystemTimeSource().now
            for line in HostReport.lines(reports, now: now, console) { console.answer(line) }
        }
        guard reports.contains(where: { $0.instances != nil }) else {
            throw CommandFailure(
                .unreachable,
                "no manager answers on \(hosts.map(\.name).joined(separator: ", ")): `cerro host "
                    + "run` there starts one, in the place of `cerro up`"
            )
        }
    }
}

/// One host as its manager and the registry tell about it.
struct HostReport: Sendable {
    let host: SiteConfig.Host
    /// The manager as the registry knows it; nil where it does not.
    let row: InstanceRow?
    /// The instances as the manager tells them; nil where it does not answer.
    let instances: [Value]?

    init(_ host: SiteConfig.Host, _ rows: [InstanceRow], _ client: SiteClient) async {
        self.host = host
        row = rows.first { $0.instance == host.manager }
        guard row?.state == .alive else {
            instances = nil
            return
        }
        let answer = try? await client.result(
            host.manager,
            HostManager.instancesQuery,
            timeout: Limits.hostQuery
        )
        instances = answer?["instances"]?.array
    }

    /// The host as a map.
    var value: Value {
        [
            "host": .string(host.name), "address": .string(host.address),
            "manager": .string(host.manager),
            "state": .string(row?.state.rawValue ?? InstanceRow.State.missing.rawValue),
            "version": .optional(row?.version),
            "clock_offset_ns": row?.roundTrip == nil
                ? .null : .int(row?.clockOffset.nanoseconds ?? 0),
            "round_trip_ns": row?.roundTrip.map { .int($0.nanoseconds) } ?? .null,
            "instances": instances.map(Value.array) ?? .null,
        ]
    }

    /// A table of the hosts, and one of their instances.
    static func lines(_ reports: [HostReport], now: Timestamp, _ console: Console) -> [String] {
        var hosts = TextTable([
            ("host", .left), ("address", .left), ("manager", .left), ("since", .left),
            ("clock", .left),
        ])
        var instances = TextTable([
            ("host", .left), ("instance", .left), ("class", .left), ("manage", .left),
            ("state", .left), ("process", .right), ("since", .left), ("restarts", .right),
            ("", .left),
        ])
        for report in reports {
            let row = report.row
            hosts.append([
                report.host.name, report.host.address, row?.state.rawValue ?? "missing",
                row?.state == .alive ? HumanText.age(of: row?.since ?? now, at: now) : "-",
                row.flatMap(ClockReport.text) ?? "-",
            ])
            for instance in report.instances ?? [] {
                instances.append(cells(report.host.name, instance, now))
            }
        }
        return hosts.lines + (instances.isEmpty ? [] : [""] + instances.lines)
    }

    private static func cells(_ host: String, _ instance: Value, _ now: Timestamp) -> [String] {
        let process = instance["process"]?.int ?? 0
        let since = instance["since"]?.timestamp ?? Timestamp(nanoseconds: 0)
        let decision =
            switch instance["decision"]?.bool {
            case true?: ", started by hand"
            case false?: ", stopped by hand"
            case nil: ""
            }
        let state = instance["state"]?.string ?? ""
        return [
            host, instance["instance"]?.string ?? "", instance["class"]?.string ?? "",
            (instance["manage"]?.string ?? "") + decision, state,
            process == 0 ? "-" : String(process),
            since.nanoseconds == 0 ? "-" : HumanText.age(of: since, at: now),
            String(instance["restarts"]?.int ?? 0),
            state == "running" ? "" : instance["reason"]?.string ?? "",
        ]
    }
}

/// How far the clock of a host is from the registry's, as people read it.
enum ClockReport {
    /// `1.2 ms ahead ± 0.3 ms`; nil where nobody has measured it.
    static func text(_ row: InstanceRow) -> String? {
        guard let roundTrip = row.roundTrip else { return nil }
        let offset = row.clockOffset
        let size = HumanText.duration(offset.size)
        return "\(size) \(offset < .zero ? "behind" : "ahead") "
            + "± \(HumanText.duration(roundTrip / 2))"
    }

    /// One line for each host whose manager has measured its clock.
    static func lines(_ rows: [InstanceRow], _ console: Console) -> [String] {
        rows.filter { $0.className == HostManager.className && $0.state == .alive }
            .compactMap { row in
                guard let text = text(row) else { return nil }
                let line = TextTable.onOneLine("\(row.host): \(text)")
                return row.clockOffset.isClockTrouble ? console.coloured(line, .red) : line
            }
    }
}
