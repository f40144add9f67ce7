import CerroTesting
import Foundation
import Telemetry
import Testing

@Suite("Real processes with wrong clocks", .serialized, .timeLimit(.minutes(30)))
struct ClockTests {
    // Goal: a host that comes up with an empty battery, or in the wrong year.
    // Method: each start of a source has a clock of its own, by libfaketime, and the right one in
    // the end; in which order is drawn from a seed. Samples are told apart by their times, which
    // are as wrong as the clocks.
    @Test("samples of 1970, of 2100 and of an hour before and after are kept, marked and said")
    func wrongClocks() async throws {
        let form = FaultForm.current
        try await form.run("clocks") { chance in
            let now = SystemTimeSource().now
            func lead(of instant: Timestamp) -> Duration { instant - now }
            let first = lead(of: Timestamp(seconds: 600))
            let others = [
                lead(of: Timestamp(seconds: 4_102_444_800)), .seconds(-3600), .seconds(3600),
            ].shuffled(using: &chance)
            let plan = ProcessSite.Plan([
                FaultDriver.source("fake-1"), FaultDriver.source("fake-2"),
            ])
            let under = ["fake-1": Self.clock(that: first)]
            try await ProcessSite.runApart(plan, under: under) { site in
                var driver = FaultDriver(site)
                for lead in others + [.zero] {
                    try await driver.untilFault(["clock"], of: "aggregator", subject: "fake-1")
                    try await driver.untilCaughtUp("fake-1")
                    try await driver.kill("fake-1")
                    let words = lead == .zero ? [] : Self.clock(that: lead)
                    try driver.begin("fake-1", under: words, clock: lead)
                }
                try await driver.untilFault(["clock"], of: "aggregator", isOpen: false)
                for source in driver.sources { try await driver.untilCaughtUp(source) }
                let samples = try await driver.finish(marked: ["fake-1"])
                print("clocks: 5, \(samples) samples, lost 0, doubled 0")
            }
        }
    }

    /// Words that run a program whose wall clock is ahead by so much.
    private static func clock(that leads: Duration) -> [String] {
        let seconds = leads.components.seconds
        let lead = (seconds < 0 ? "" : "+") + "\(seconds)s"
        return ["faketime", "-m", "--exclude-monotonic", "-f", lead]
    }
}
