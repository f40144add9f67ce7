import CerroTesting
import Foundation
import Telemetry
import Testing

@Suite("Real processes that stand still", .serialized, .timeLimit(.minutes(30)))
struct StallTests {
    // Goal: a machine that swaps, a debugger, a paused virtual machine.
    // Method: SIGSTOP until others have measured for so long, then SIGCONT. 40 s outlast every
    // timeout there is: of fetches, of leases, of connections.
    @Test("whoever stands still goes on afterwards, with nothing lost and nothing doubled")
    func stalls() async throws {
        let form = FaultForm.current
        try await form.run("stalls") { _ in
            let seconds: Int64 = form.isLong ? 40 : 3
            let plan = ProcessSite.Plan([
                FaultDriver.source("fake-1"), FaultDriver.source("fake-2"),
            ])
            try await ProcessSite.runApart(plan) { site in
                var driver = FaultDriver(site)
                for source in driver.sources { try await driver.untilAccepted(1, by: source) }
                for victims in form.isLong
                    ? [["aggregator"], ["fake-1"], ["registry"]]
                    : [["aggregator", "registry"], ["fake-1"]]
                {
                    for victim in victims { try site.program(victim).kill(SIGSTOP) }
                    try await driver.untilLogsGrow(
                        by: Int(seconds) * 300 * 60,
                        within: .seconds(300)
                    )
                    for victim in victims { try site.program(victim).kill(SIGCONT) }
                    try await driver.untilCaughtUp("fake-2")
                }
                let samples = try await driver.finish()
                print("stalls: \(seconds) s each, \(samples) samples, lost 0, doubled 0")
            }
        }
    }
}
