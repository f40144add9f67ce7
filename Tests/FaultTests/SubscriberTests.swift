import AgentClient
import CerroTesting
import Foundation
import MessageBus
import Telemetry
import Testing

@Suite("Real processes whose subscribers are slow, dead or hostile", .timeLimit(.minutes(30)))
struct SubscriberTests {
    // Goal: whoever listens, and however badly, is no concern of the agent that is listened to.
    // Method: plain TCP, so that the subscribers can be as bad as they like. What the agent
    // publishes meanwhile is far more than it may keep for them.
    @Test("bad subscribers neither slow an agent down nor make it grow, and nothing is lost")
    func subscribers() async throws {
        let form = FaultForm.current
        try await form.run("subscribers") { chance in
            let sources = ["fake-1", "fake-2"].map {
                FaultDriver.source($0, rate: 3000, fields: 10)
            }
            try await ProcessSite.runApart(.init(sources)) { site in
                var driver = FaultDriver(site)
                for source in driver.sources { try await driver.untilAccepted(100, by: source) }
                let row = try await site.client.instance("fake-1")
                let publisher = try #require(BusEndpoint(row.publisher)).port
                let requests = try #require(BusEndpoint(row.requests)).port
                let before = try residentBytes(of: row.pid)

                var held: [RawPeer] = []
                for _ in 0..<3 {
                    let deaf = try RawPeer.hostile(publisher)
                    deaf.subscribe()
                    held.append(deaf)
                }
                for port in [publisher, requests] {
                    for _ in 0..<5 {
                        let loud = try RawPeer.hostile(port)
                        loud.send((0..<4096).map { _ in .random(in: 0...255, using: &chance) })
                        held.append(loud)
                        let greeted = try RawPeer.hostile(port)
                        greeted.subscribe()
                        greeted.send([0x02] + [UInt8](repeating: 0xFF, count: 8))
                        held.append(greeted)
                    }
                }
                for _ in 0..<100 { try RawPeer.hostile(publisher).subscribe() }

                // More than a publisher keeps for a subscriber: the mark is 10,000 messages.
                let count: Int64 = form.isLong ? 100_000 : 12_000
                let first = try await site.accepted(by: "fake-1")
                let unheard = try await site.accepted(by: "fake-2")
                try await driver.untilAccepted(count, by: "fake-1")
                // The undisturbed one is asked first: an answer that takes its time on a busy
                // machine must not look like a slow agent.
                let pace = try await site.accepted(by: "fake-2") - unheard
                let pushed = try await site.accepted(by: "fake-1") - first
                let after = try residentBytes(of: row.pid)
                withExtendedLifetime(held) {}
                print("subscribers: \(before >> 20) MiB resident before, \(after >> 20) MiB after")
                #expect(after - before < 24 << 20)
                // The other one measures as much, and nobody disturbs it: the machine may be slow.
                print("subscribers: \(pushed) samples, \(pace) of the undisturbed source")
                #expect(pushed > pace / 2)
                let samples = try await driver.finish()
                print("subscribers: \(samples) samples, lost 0, doubled 0")
            }
        }
    }
}
