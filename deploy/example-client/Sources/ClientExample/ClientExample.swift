import AgentClient
import Foundation
import MessageBus
import SiteConfig
import Telemetry

/// A night's script: takes the data of every thermometer, ramps something in steps, and reports.
///
/// `ClientExample [SITE-FILE]`; else `$CERRO_SITE`, else `/etc/cerro/site.yaml`. On a site with
/// keys it speaks with the key that `$CERRO_KEY` names, else with that of `$USER`.
@main
enum ClientExample {
    static func main() async throws {
        let environment = ProcessInfo.processInfo.environment
        let path =
            CommandLine.arguments.dropFirst().first ?? environment["CERRO_SITE"]
            ?? "/etc/cerro/site.yaml"
        let site = try Site.load(path: path, environment: environment)
        let connection = try ClientConnection(to: site, environment: environment)
        do {
            let began = SystemTimeSource().now
            try await startAll("acquire", connection.client)
            try await ramp("fake-1", steps: [0.2, 0.1, 0.05], connection.client)
            try await report(began, connection.client)
        } catch {
            print("it ended early: \(error)")
            await connection.close()
            exit(1)
        }
        await connection.close()
    }

    /// Starts a process on every instance that has it and does not run it.
    static func startAll(_ operation: String, _ client: SiteClient) async throws {
        for row in try await client.instances() where row.state == .alive {
            // The status of the newest session of each operation, `idle` where there was none.
            guard let status = row.operations[operation], !["running", "degraded"].contains(status)
            else { continue }
            do {
                let session = try await client.start(operation, of: row.instance)
                print("\(row.instance) \(operation) #\(session.id) \(session.status.rawValue)")
            } catch ClientError.refused(let code, let text, _) {
                // Somebody else commands it, or the key may not: the others go on.
                print("\(row.instance) refuses: \(text) (\(code.rawValue))")
            }
        }
    }

    /// Carries out a task once for each step, each after the one before has ended; one that takes
    /// longer than it may is cut short, and the ramp ends there.
    static func ramp(_ instance: String, steps: [Double], _ client: SiteClient) async throws {
        for step in steps {
            let session = try await client.start(
                "delay_task",
                of: instance,
                ["delay": .double(step)],
                waiting: .seconds(10)
            )
            guard session.status == .done else {
                try await client.abort("delay_task", of: instance)
                print("\(instance): step \(step) took too long and was cut short")
                return
            }
            print("\(instance): step \(step) done")
        }
    }

    /// Prints what each field was meanwhile: buckets hold the extremes of all samples.
    static func report(_ began: Timestamp, _ client: SiteClient) async throws {
        let now = SystemTimeSource().now
        let night = began - .seconds(3600)..<now
        let fields = try await client.fields(["fake-1.false_temperatures.*"], in: night)
        guard !fields.isEmpty else { return print("no samples yet") }
        let answer = try await client.samples(
            of: fields.keys.sorted(),
            in: night,
            reduced: ["max_points": 1]
        )
        for timeline in answer.timelines {
            for (name, column) in timeline.columns where name.hasSuffix(":mean") {
                let values = (0..<column.count).filter(column.isPresent).map(column.value)
                print("\(name) \(values.map(\.json).joined(separator: " "))")
            }
        }
        for gap in answer.gaps { print("missing: \(gap.cause)") }
    }
}
