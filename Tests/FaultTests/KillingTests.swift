import CerroTesting
import Foundation
import Telemetry
import Testing

@Suite("Real processes under faults", .serialized, .timeLimit(.minutes(30)))
struct KillingTests {
    // Goal: anything dies at any moment, again and again, also while it starts.
    // Method: victims and moments are drawn from a seed; a moment is a number of bytes that the
    // logs of the sources grow by. Nobody waits for a restart before the next kill.
    @Test("whoever is killed and whenever: nothing is lost, nothing doubled, no row in the ledger")
    func kills() async throws {
        let form = FaultForm.current
        try await form.run("kills") { chance in
            let sources = (1...3).map { "fake-\($0)" }
            let plan = ProcessSite.Plan(sources.map { FaultDriver.source($0) })
            var folder: TemporaryFolder?
            var samples = 0
            var victims: [String: Int] = [:]
            try await ProcessSite.runApart(plan) { site in
                folder = site.folder
                var driver = FaultDriver(site)
                while driver.kills < form.kills {
                    try await driver.untilLogsGrow(by: .random(in: 500...40_000, using: &chance))
                    let all = site.instances + ["aggregator", "aggregator"]
                    let victim = try #require(all.randomElement(using: &chance))
                    try await driver.kill(victim)
                    try driver.begin(victim)
                    victims[victim, default: 0] += 1
                }
                samples = try await driver.finish()
            }
            let (code, said) = try await RunningProgram.run(
                ["archive", "verify", "--directory", "\(folder?.path ?? "")/archive"]
            )
            #expect(code == 0, "\(said)")
            let dead = victims.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" }
            print(
                "kills: \(dead.joined(separator: ", ")); \(samples) samples, lost 0, doubled 0; "
                    + "archive verify: \(said)"
            )
        }
    }

    // Goal: what people run: one supervisor, which starts again whoever died, also the registry.
    // Method: everybody dies once, in an order and at moments that are drawn from a seed.
    @Test("whoever is killed under a supervisor comes back by itself, and nothing is lost")
    func supervised() async throws {
        let form = FaultForm.current
        try await form.run("supervised kills") { chance in
            let sources = (1...2).map { FaultDriver.source("fake-\($0)") }
            try await ProcessSite.run(agents: sources) { site in
                var driver = FaultDriver(site)
                // Each death of one that has not run for long doubles the pause before its start.
                for _ in 0..<(form.isLong ? max(1, form.kills / 50) : 1) {
                    for victim in site.instances.shuffled(using: &chance) {
                        try await driver.untilLogsGrow(
                            by: .random(in: 500...40_000, using: &chance)
                        )
                        try await driver.killSupervised(victim)
                    }
                }
                let samples = try await driver.finish()
                print("supervised kills: \(driver.kills), \(samples) samples, lost 0, doubled 0")
            }
        }
    }
}
