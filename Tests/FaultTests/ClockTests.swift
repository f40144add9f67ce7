import CerroTesting
import Foundation
import Telemetry
import Testing

@Suite("Real processes with wrong clocks", .serialized, .timeLimit(.minutes(30)))
struct ClockTests {
    // Goal: a host that comes up with an empty battery, or in the wrong year.
    // Method: each start of a source has a clock of its own, and the right one in the end; in which
    // order is drawn from a seed. Samples are told apart by their times, which are as wrong as the
    // clocks.
    @Test("samples of 1970, of 2100 and of an hour before and after are kept, marked and said")
    func wrongClocks() async throws {
        let form = FaultForm.current
        try await form.run("clocks") { chance in
            let now = SystemTimeSource().now
            func lead(of instant: Timestamp) -> Duration {
                .seconds((instant - now).components.seconds)
            }
            let first = lead(of: Timestamp(seconds: 600))
            let others = [
                lead(of: Timestamp(seconds: 4_102_444_800)), .seconds(-3600), .seconds(3600),
            ].shuffled(using: &chance)
            let plan = ProcessSite.Plan([
                FaultDriver.source("fake-1"), FaultDriver.source("fake-2"),
            ])
            let clock = try await OtherClock()
            let under = ["fake-1": clock.leading(by: first)]
            try await ProcessSite.runApart(plan, under: under) { site in
                var driver = FaultDriver(site)
                var before = first
                for lead in others + [.zero] {
                    try await driver.untilKept(from: "fake-1", clock: before)
                    try await driver.kill("fake-1")
                    let words = lead == .zero ? [] : clock.leading(by: lead)
                    try driver.begin("fake-1", under: words, clock: lead)
                    before = lead
                }
                try await driver.untilFault(["clock"], of: "aggregator", isOpen: false)
                let samples = try await driver.finish(marked: ["fake-1"])
                print("clocks: 5, \(samples) samples, lost 0, doubled 0")
            }
        }
    }
}

extension FaultDriver {
    /// Waits until samples are kept that a clock has dated which leads by so much, and until that
    /// is said.
    fileprivate func untilKept(from source: String, clock lead: Duration) async throws {
        try await untilFault(["clock"], of: "aggregator") { fault in
            let words = fault["text"]?.string?.split(separator: " ") ?? []
            let told = words.compactMap { Int64($0) }.first ?? 0
            return fault["subject"]?.string == source
                && words.contains(lead < .zero ? "behind" : "ahead")
                && abs(told - abs(lead.components.seconds)) < 60
        }
        try await eventually("samples of \(source), dated \(lead) ahead") {
            let now = SystemTimeSource().now + lead
            let own = try await site.samples(Self.field(of: source)).count {
                abs($0.instant - now.nanoseconds) < 60_000_000_000
            }
            return own > 100 ? true : nil
        }
    }
}
