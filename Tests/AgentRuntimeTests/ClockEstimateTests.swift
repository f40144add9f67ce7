import AgentRuntime
import CerroTesting
import Telemetry
import Testing

// Goal: an offset that is as good as the network allows, and a clock that is set shows at once.
// Method: a registry whose clock is `ahead` of ours, over ways that take what a seed says.
@Suite("How far a clock is off")
struct ClockEstimateTests {
    @Test("the offset is good to half of the round trip, whatever the ways there and back take")
    func bound() throws {
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<200 {
            var estimate = ClockEstimate()
            let offset = Duration.milliseconds(Int.random(in: -5_000...5_000, using: &generator))
            var now = Timestamp(seconds: 1_795_000_000)
            for _ in 0..<12 {
                let there = Duration.microseconds(Int.random(in: 50...40_000, using: &generator))
                let back = Duration.microseconds(Int.random(in: 50...40_000, using: &generator))
                estimate.note(sent: now, roundTrip: there + back, remote: now + there - offset)
                now = now + .seconds(1)
            }
            let best = try #require(estimate.best)
            let error = max(best.offset - offset, offset - best.offset)
            #expect(error <= best.roundTrip / 2)
        }
    }

    @Test("the shortest of the last round trips tells")
    func best() {
        var estimate = ClockEstimate()
        #expect(estimate.best == nil)
        let now = Timestamp(seconds: 100)
        estimate.note(sent: now, roundTrip: .milliseconds(20), remote: now + .milliseconds(15))
        estimate.note(sent: now, roundTrip: .milliseconds(2), remote: now + .milliseconds(1))
        estimate.note(sent: now, roundTrip: .milliseconds(30), remote: now + .milliseconds(2))
        #expect(estimate.best == .init(offset: .zero, roundTrip: .milliseconds(2)))
        for _ in 0..<8 {
            estimate.note(sent: now, roundTrip: .milliseconds(10), remote: now + .milliseconds(6))
        }
        let later = ClockEstimate.Reading(offset: .milliseconds(-1), roundTrip: .milliseconds(10))
        #expect(estimate.best == later)
    }

    @Test("a clock that is set shows with the next round trip")
    func set() {
        var estimate = ClockEstimate()
        let now = Timestamp(seconds: 1_000)
        for _ in 0..<8 { estimate.note(sent: now, roundTrip: .milliseconds(1), remote: now) }
        let ahead = now + .seconds(120)
        estimate.note(sent: ahead, roundTrip: .milliseconds(40), remote: now + .milliseconds(20))
        #expect(estimate.best == .init(offset: .seconds(120), roundTrip: .milliseconds(40)))
    }
}
