import CerroTesting
import Foundation
import Telemetry
import Testing

@Suite("Real processes on a bad network", .serialized, .timeLimit(.minutes(30)))
struct NetworkTests {
    /// Two sources on a second host, and the ports that it has, with those of a manager.
    private func plan() throws -> (ProcessSite.Plan, ports: ClosedRange<Int>) {
        let first = try TakenPort.free(6)
        var plan = ProcessSite.Plan([])
        plan.remote = ["fake-1", "fake-2"].map { FaultDriver.source($0) }
        plan.remotePorts = first...first + 5
        return (plan, plan.remotePorts)
    }

    // Goal: connections are slow, hang, and break off in the middle of a message.
    // Method: a proxy stands before each socket of the sources; what it does to whom and for how
    // long is drawn from a seed.
    @Test("delayed, stalled and broken connections lose and double nothing")
    func weather() async throws {
        let form = FaultForm.current
        try await form.run("weather") { chance in
            let (plan, ports) = try plan()
            let proxies = try ports.map { port in
                try TCPProxy(from: .init("127.0.0.2", port), to: .init("127.0.0.1", port))
            }
            defer { for proxy in proxies { proxy.close() } }
            try await ProcessSite.runApart(plan) { site in
                var driver = FaultDriver(site)
                for source in driver.sources { try await driver.untilAccepted(1, by: source) }
                let rounds = form.isLong ? form.kills : 12
                for _ in 0..<rounds {
                    for proxy in proxies {
                        switch Int.random(in: 0..<5, using: &chance) {
                        case 0: proxy.set(.stalled)
                        case 1:
                            let delay = Int.random(in: 1...400, using: &chance)
                            proxy.set(.delayed(.milliseconds(delay)))
                        case 2: proxy.cut()
                        default: proxy.set(.fine)
                        }
                    }
                    try await driver.untilLogsGrow(by: .random(in: 2000...40_000, using: &chance))
                }
                for proxy in proxies { proxy.set(.fine) }
                let samples = try await driver.finish()
                print("weather: \(rounds) changes, \(samples) samples, lost 0, doubled 0")
            }
        }
    }

    // Goal: whoever carries messages loses some, brings others twice or in another order.
    // Method: a proxy before each socket of the sources takes whole messages apart; which of them
    // suffer is drawn from a seed.
    @Test("messages that are lost, doubled or overtaken lose and double nothing")
    func careless() async throws {
        let form = FaultForm.current
        try await form.run("careless") { chance in
            let (plan, ports) = try plan()
            let proxies = try ports.map { port in
                try TCPProxy(
                    from: .init("127.0.0.2", port),
                    to: .init("127.0.0.1", port),
                    chance: SeededGenerator(seed: chance.next())
                )
            }
            defer { for proxy in proxies { proxy.close() } }
            try await ProcessSite.runApart(plan) { site in
                var driver = FaultDriver(site)
                for source in driver.sources { try await driver.untilAccepted(1, by: source) }
                for proxy in proxies { proxy.set(.careless(lost: 5, doubled: 15, overtaken: 15)) }
                let rounds = form.isLong ? form.kills : 12
                for _ in 0..<rounds { try await driver.untilLogsGrow(by: 20_000) }
                let harmed = proxies.reduce(0) { $0 + $1.harmed }
                for proxy in proxies { proxy.set(.fine) }
                #expect(harmed > 0, "no message suffered")
                let samples = try await driver.finish()
                print("careless: \(harmed) messages, \(samples) samples, lost 0, doubled 0")
            }
        }
    }

    // Goal: somebody pulls the cable between two hosts, for 1 s and for longer than any timeout.
    // Method: the sources live in a network namespace at the other end of a cable. Sockets without
    // keys stay on loopback, so at both ends of the cable a proxy stands before each port.
    @Test(
        "a host whose cable is pulled measures on, and all of it comes later",
        .enabled(if: Privileges.makesNamespaces, "nobody may make namespaces here")
    )
    func partition() async throws {
        let form = FaultForm.current
        try await form.run("partition") { _ in
            let network = try await OtherNetwork()
            var (plan, ports) = try plan()
            let registry = try TakenPort.free()
            plan.registryPort = registry
            let there = network.namespace
            var proxies: [TCPProxy] = []
            defer { for proxy in proxies { proxy.close() } }
            for port in ports {
                let far = TCPProxy.End(network.far, port, namespace: there)
                let cable = TCPProxy.End(network.far, port)
                let home = TCPProxy.End("127.0.0.1", port, namespace: there)
                proxies.append(try TCPProxy(from: far, to: home))
                proxies.append(try TCPProxy(from: .init("127.0.0.2", port), to: cable))
            }
            let gate = TCPProxy.End(network.near, registry)
            let home = TCPProxy.End("127.0.0.1", registry, namespace: there)
            let cable = TCPProxy.End(network.near, registry, namespace: there)
            proxies.append(try TCPProxy(from: gate, to: .init("127.0.0.1", registry)))
            proxies.append(try TCPProxy(from: home, to: cable))

            let under = ["fake-1": network.entering, "fake-2": network.entering]
            try await ProcessSite.runApart(plan, under: under) { site in
                var driver = FaultDriver(site)
                for source in driver.sources { try await driver.untilAccepted(1, by: source) }
                for seconds in form.isLong ? [1, 20, 60] : [1] {
                    try await network.setCable(isPlugged: false)
                    // Two sources of 300 samples of about 60 bytes a second.
                    try await driver.untilLogsGrow(
                        by: seconds * 2 * 300 * 60,
                        within: .seconds(300)
                    )
                    let known = try await site.numbers(FaultDriver.field(of: "fake-1")).count
                    try await network.setCable(isPlugged: true)
                    let accepted = try await eventually("an answer") {
                        try await site.accepted(by: "fake-1")
                    }
                    #expect(accepted - Int64(known) > Int64(seconds) * 150, "nothing was cut")
                    for source in driver.sources { try await driver.untilCaughtUp(source) }
                }
                let samples = try await driver.finish()
                print("partition: \(samples) samples, lost 0, doubled 0")
            }
        }
    }
}
