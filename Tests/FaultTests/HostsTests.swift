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

    /// The lives of a source: each counts from 1.
    private static func runs(_ numbers: [Int64]) -> [[Int64]] {
        numbers.reduce(into: []) { runs, number in
            if number == 1 || runs.isEmpty { runs.append([]) }
            runs[runs.endIndex - 1].append(number)
        }
    }

    /// Ends the load of each source, and waits until the desk reads 1, 2, 3, … as far as it came.
    ///
    /// Former lives had accepted so many at least.
    private func expectAll(
        _ site: ThreeHosts,
        after lives: [String: [Int64]] = [:]
    ) async throws -> Int {
        var total = 0
        for source in ThreeHosts.sources.values.joined().sorted() {
            let stopped = try await site.run(["call", source, "load", "stop", "--json"])
            #expect(stopped.code == 0, "\(stopped.output)")
            let published = try await site.published(by: source)
            let numbers = try await eventually("\(published) samples of \(source)") {
                let numbers = try await site.numbers(of: source)
                return numbers.last == published ? numbers : nil
            }
            let runs = Self.runs(numbers)
            let isWhole = runs.allSatisfy { $0 == Array(1...Int64($0.count)) }
            #expect(isWhole, "\(source): \(numbers.count) samples, \(published) published")
            let least = (lives[source] ?? []) + [published]
            let isAll = runs.count == least.count && zip(runs, least).allSatisfy { $0.count >= $1 }
            #expect(isAll, "\(source): \(runs.map(\.count)) of \(least)")
            total += numbers.count
        }
        let gaps = try await site.run(["gaps"])
        #expect(gaps.code == 0, "\(gaps.output)")
        return total
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
        for (host, code) in [("dome", 1), ("cryo", 0)] as [(String, Int32)] {
            let shown = try await site.run(["status", "--host", host])
            #expect(shown.code == code, "\(shown.output)")
            let source = try #require(ThreeHosts.sources[host]?.first)
            #expect(shown.output.contains(source) && !shown.output.contains("registry "))
        }
        let none = try await site.run(["status", "--host", "dom"])
        #expect(none.code == 2 && none.output.contains("has no host dom"), "\(none.output)")
        try await site.network.setCable(of: "dome", isPlugged: true)
        try await site.until("alive", Self.all)
        let total = try await expectAll(site)
        print("three hosts, one cut off: \(total) samples, lost 0, doubled 0")
        try await site.stop()
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
        try await eventually("the manager of cryo shows it") {
            let list = try await site.run(["host", "list"])
            return list.output.contains(/cryo .*(1 min 59|2 min).* ahead/) ? true : nil
        }
        let total = try await expectAll(site)
        print("three hosts, one clock off: \(total) samples, lost 0, doubled 0")
        try await site.stop()
    }

    // Goal: a new program is installed everywhere, one process after the other, while all measures.
    // Method: what `cerro host restart --all` does on each host; the managers are killed and
    // started, too. Samples of each life of a source count from 1.
    @Test("a rolling restart of everything under load loses and doubles nothing")
    func rolling() async throws {
        let site = try await ThreeHosts()
        for host in Self.all { try site.start(host) }
        try await site.until("alive", Self.all)
        var lives: [String: [Int64]] = [:]
        let before = try await site.processes()
        for host in Self.all {
            let manager = try site.manager(of: host)
            manager.kill(SIGKILL)
            try await manager.untilEnd()
            try site.start(host)
        }
        try await site.until("alive", Self.all)
        try await eventually("the managers know what they have taken over") {
            try await site.processes() == before ? true : nil
        }
        for host in Self.all {
            let sources = ThreeHosts.sources[host] ?? []
            for source in sources {
                lives[source, default: []].append(try await site.published(by: source))
            }
            let restarted = try await site.run(["host", "restart", "--all", "--host", host])
            #expect(restarted.code == 0, "\(restarted.output)")
            try await site.until("alive", Self.all)
        }
        let after = try await site.processes()
        #expect(Set(before.keys) == Set(after.keys))
        #expect(before.allSatisfy { after[$0.key] != $0.value }, "\(before) \(after)")
        let total = try await expectAll(site, after: lives)
        print("three hosts, all restarted: \(total) samples, lost 0, doubled 0")
        try await site.stop()
    }
}
