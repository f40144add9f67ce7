import CerroTesting
import Foundation
import Testing

@Suite(
    "Real processes on three hosts, commanded from a fourth",
    .serialized,
    .timeLimit(.minutes(10)),
    .enabled(if: Privileges.makesNamespaces, "nobody may make namespaces here")
)
struct HostsTests {
    private static let all = ThreeHosts.hosts

    /// Ends the load of each source, and waits until the desk reads 1, 2, 3, … as far as it came.
    private func expectAll(_ site: ThreeHosts) async throws -> Int {
        var total = 0
        for source in ThreeHosts.sources.values.joined().sorted() {
            let stopped = try await site.run(["call", source, "load", "stop", "--json"])
            #expect(stopped.code == 0, "\(stopped.output)")
            let status = try await site.run(["call", source, "load", "status", "--json"])
            let published = try #require(
                status.output.firstMatch(of: /"published": ?(\d+)/).flatMap { Int64($0.1) }
            )
            let numbers = try await eventually("\(published) samples of \(source)") {
                let numbers = try await site.numbers(of: source)
                return numbers.last == published ? numbers : nil
            }
            let isWhole = numbers == Array(1...published)
            #expect(isWhole, "\(source): \(numbers.count) samples, \(published) published")
            total += numbers.count
        }
        let gaps = try await site.run(["gaps"])
        #expect(gaps.code == 0, "\(gaps.output)")
        return total
    }

    private func stop(_ site: ThreeHosts) async throws {
        // The registry last, so that all others can say good-bye.
        for host in Self.all.reversed() { try await site.stop(host) }
    }

    // Goal: a host is cut off. Method: its cable is pulled until the registry misses its agents.
    @Test("who is cut off is shown so, measures on, and all of it comes later")
    func cut() async throws {
        let site = try await ThreeHosts()
        for host in Self.all { try site.start(host) }
        try await site.until("alive", Self.all)
        try await site.network.setCable(of: "dome", isPlugged: false)
        try await site.until("silent", ["dome"])
        let lost = try await site.run(["call", "dome-1", "load", "status"])
        #expect(lost.code == 3, "\(lost.output)")
        let other = try await site.run(["call", "cryo-1", "load", "status"])
        #expect(other.code == 0, "\(other.output)")
        try await site.network.setCable(of: "dome", isPlugged: true)
        try await site.until("alive", Self.all)
        let total = try await expectAll(site)
        print("three hosts, one cut off: \(total) samples, lost 0, doubled 0")
        try await stop(site)
    }

    // Goal: a clock is two minutes off, one way or the other, and somebody is told.
    @Test("a host whose clock is off is named, and its samples are kept")
    func clock() async throws {
        let site = try await ThreeHosts()
        let clock = try await OtherClock()
        try site.start("hub")
        try site.start("dome")
        try site.start("cryo", under: clock.leading(by: .seconds(120)))
        try await site.until("alive", Self.all)
        try await eventually("the clock of cryo is a fault") {
            let faults = try await site.run(["faults"])
            let isNamed = faults.output.contains(/clock.*cryo-1.*(119|120|121)/)
            return isNamed && !faults.output.contains(/clock.*dome-1/) ? true : nil
        }
        let total = try await expectAll(site)
        print("three hosts, one clock off: \(total) samples, lost 0, doubled 0")
        try await stop(site)
    }
}
