import Telemetry
import Testing

@testable import Aggregator

@Suite("who is pulled, and what is told of failures")
struct PullRollTests {
    @Test("one puller each; one that failed is tried again, less and less often")
    func retries() {
        var roll = PullRoll()
        let first = roll.claim("a", at: .zero), second = roll.claim("a", at: .zero)
        #expect(first && !second && roll.count == 1)
        var now = Duration.zero, waits: [Duration] = []
        for _ in 0..<7 {
            _ = roll.failed("a", at: now)
            let failed = now
            while !roll.claim("a", at: now) { now += .milliseconds(100) }
            waits.append(now - failed)
        }
        #expect(waits == [400, 800, 1600, 3200, 5000, 5000, 5000].map { .milliseconds($0) })
        roll.cancelled("a")
        let again = roll.claim("a", at: now)
        #expect(again)
    }

    @Test("a failure is told when it has lasted, and its end only if it was")
    func told() {
        var roll = PullRoll()
        _ = roll.claim("a", at: .zero)
        let short = roll.failed("a", at: .zero)
        _ = roll.claim("a", at: .seconds(1))
        let over = roll.answered("a")
        #expect(!short && !over)

        let began = roll.failed("a", at: .seconds(100))
        let early = roll.failed("a", at: .milliseconds(109_999))
        let late = roll.failed("a", at: .seconds(110))
        _ = roll.claim("a", at: .seconds(120))
        let end = roll.answered("a"), twice = roll.answered("a")
        #expect(!began && !early && late && end && !twice)
    }

    @Test("of one that is not alive any more the registry tells")
    func gone() {
        var roll = PullRoll()
        for instance in ["a", "b", "c"] {
            _ = roll.claim(instance, at: .zero)
            _ = roll.failed(instance, at: .zero)
        }
        _ = roll.failed("a", at: .seconds(10))
        _ = roll.failed("b", at: .seconds(10))
        #expect(roll.keep(alive: ["b"]) == ["a"])
        #expect(roll.keep(alive: ["b"]).isEmpty)
        let back = roll.claim("a", at: .seconds(10)), waits = roll.claim("b", at: .seconds(10))
        #expect(back && !waits)
    }
}
