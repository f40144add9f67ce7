internal import AgentClient
internal import ArgumentParser
internal import SiteConfig
internal import Telemetry

/// `cerro faults`: what is wrong now, the worst first.
struct FaultsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "faults",
        abstract: "Shows the faults that are open now, the worst first.",
        discussion: "Exits with 1 if there is one."
    )

    @OptionGroup var site: SiteOption
    @OptionGroup var format: FormatOption

    func run() async throws {
        let site = try site.load()
        let rows = try await SiteConnection.with(site) { try await $0.instances() }
        let faults = Self.sorted(rows)
        let console = Console.current
        if format.isJSON {
            let list = faults.map { instance, fault -> Value in
                var members = fault.value.map ?? [:]
                members["instance"] = .string(instance)
                return .map(members)
            }
            console.answer(Value.array(list).json)
        } else {
            let now = SystemTimeSource().now
            for (instance, fault) in faults {
                console.answer(FaultReport.line(fault, of: instance, now: now, console))
            }
            if faults.isEmpty { console.note("no faults") }
        }
        if !faults.isEmpty { throw CommandFailure(.failed, "") }
    }

    /// The open faults of all instances, the worst first, then the oldest.
    static func sorted(_ rows: [InstanceRow]) -> [(instance: String, fault: Fault)] {
        let order = Fault.Severity.allCases
        return rows.flatMap { row in row.faults.map { (row.instance, $0) } }.sorted { left, right in
            let places = [left, right].map { order.firstIndex(of: $0.1.severity) ?? 0 }
            return places[0] == places[1] ? left.1.since < right.1.since : places[0] > places[1]
        }
    }
}
