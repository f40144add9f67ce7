import AgentClient
import CerroTesting
import Foundation
import MessageBus
import Telemetry
import Testing

/// What a peer on the network can do without a key.
private enum Attack: String, CaseIterable {
    case garbage, halfHandshakes, hugeLengths, requests, longRequests, endlessParts, subscriptions
    case connections

    /// Attacks a socket; what is returned stays connected until it is let go.
    func run(_ port: Int, _ chance: inout SeededGenerator) throws -> [RawPeer] {
        func peers(_ count: Int) throws -> [RawPeer] {
            try (0..<count).map { _ in try .hostile(port) }
        }
        let peers = try peers(self == .connections ? 1100 : self == .halfHandshakes ? 100 : 3)
        for peer in peers {
            switch self {
            case .garbage:
                peer.send((0..<4096).map { _ in .random(in: 0...255, using: &chance) })
            case .halfHandshakes: peer.send(Array(RawPeer.greeting.prefix(20)))
            case .connections: break
            case .hugeLengths:
                peer.introduce(as: "DEALER")
                peer.send([0x02] + [UInt8](repeating: 0x7F, count: 8) + [1, 2, 3])
            case .requests:
                peer.introduce(as: "DEALER")
                let requests = (0..<500).flatMap { _ in RawPeer.part([0x97, 1]) }
                _ = peer.flood(requests, most: 40_000)
            case .longRequests:
                peer.introduce(as: "DEALER")
                let request = RawPeer.part([0x97] + [UInt8](repeating: 0, count: 1_000_000))
                _ = peer.flood(request, most: 5 << 20)
            case .endlessParts:
                peer.introduce(as: "DEALER")
                let part = RawPeer.part(.init(repeating: 7, count: 60_000), isLast: false)
                let isOver = peer.flood(part, most: 1 << 30)
                #expect(isOver, "a gigabyte of one message was taken")
            case .subscriptions:
                peer.introduce(as: "SUB")
                var number = 0
                while number < 100_000 {
                    let topics = (number..<(number + 100)).flatMap { number in
                        RawPeer.part(
                            [1] + Array("\(number)".utf8) + .init(repeating: 65, count: 400)
                        )
                    }
                    guard peer.send(topics) else { break }
                    number += 100
                }
                #expect(number < 100_000, "all subscriptions were taken")
            }
        }
        return peers
    }
}

@Suite("Real processes whose peers are hostile", .serialized, .timeLimit(.minutes(10)))
struct HostileTests {
    /// What a victim may grow by under any of the attacks: what waits at most (64 MiB), and what
    /// comes before somebody looks.
    private static let growth = 256 << 20
    /// What an answer may take: the machine may have little left beside the attack.
    private static let limit = Duration.seconds(120)

    // Goal: whoever reaches a port makes nobody else wait, and no process grow or end.
    // Method: bytes on plain sockets, and between the attacks commands of a client that is none of
    // them. Their outcome counts, not their time.
    @Test("peers without manners cost memory below a bound, and nobody else their answers")
    func bus() async throws {
        try OpenFiles.allowMany()
        try await FaultForm.current.run("hostile") { chance in
            let source = FaultDriver.source("fake-1", rate: 50, fields: 2)
            try await ProcessSite.runApart(.init([source])) { site in
                let agent = try await Self.alive("fake-1", site)
                let registry = try await Self.alive("registry", site)
                let victims = [
                    ("requests", try #require(BusEndpoint(agent.requests)).port, agent.pid),
                    ("publisher", try #require(BusEndpoint(agent.publisher)).port, agent.pid),
                    ("registry", site.registryPort, registry.pid),
                ]
                for (name, port, pid) in victims {
                    for attack in Attack.allCases {
                        let before = try residentBytes(of: pid)
                        let held = try attack.run(port, &chance)
                        for _ in 0..<3 {
                            let one = site.client
                            _ = try await one.result("fake-1", Action.status, timeout: Self.limit)
                            _ = try await one.instances(timeout: Self.limit)
                        }
                        let grown = try residentBytes(of: pid) - before
                        print("hostile: \(attack) on \(name): \(grown >> 20) MiB more")
                        #expect(grown < Self.growth, "\(attack) on \(name)")
                        withExtendedLifetime(held) {}
                    }
                }
                try await Self.told(site)
            }
        }
    }

    private static func alive(_ name: String, _ site: ProcessSite) async throws -> InstanceRow {
        try await eventually("\(name) is alive") { try await site.client.instance(name) }
    }

    /// What was refused is counted, and its address is in the log, but not once for each time.
    private static func told(_ site: ProcessSite) async throws {
        for agent in ["fake-1", "registry"] {
            try await eventually("what \(agent) refused in /metrics") {
                let text = try await site.text("metrics")
                let line = text.split(separator: "\n").first {
                    $0.hasPrefix("cerro_agent_refused_messages_total{agent=\"\(agent)\"")
                }
                let count = line?.split(separator: " ").last.flatMap { Double($0) }
                return count ?? 0 > 1000 ? true : nil
            }
            let lines = try site.program(agent).lines
            let malformed = lines.filter { $0.contains("malformed request") }
            #expect((1...10).contains(malformed.count), "\(malformed.count) lines")
            // Garbage that does not begin as ZMTP 3 does passes for ZMTP 1, of whose peers the
            // library tells nothing.
            let unnamed = malformed.filter {
                !$0.contains("from 127.0.0.1") && !$0.contains("from ?")
            }
            #expect(unnamed.isEmpty, "\(unnamed)")
            #expect(lines.contains { $0.contains("connection ended") })
        }
    }

    // Goal: who holds all connections, and asks nothing or byte by byte, shuts nobody out.
    @Test("connections that rest make room for those that ask, over HTTP")
    func http() async throws {
        try OpenFiles.allowMany()
        try await ProcessSite.runApart(.init([])) { site in
            let port = try await site.untilServed()
            let pid = try await Self.alive("reader", site).pid
            let before = try residentBytes(of: pid)
            var held: [RawPeer] = []
            for number in 0..<1300 {
                let peer = try RawPeer.hostile(port)
                switch number % 4 {
                case 0: peer.send(Array("GET /api/v1/fields HTTP/1.1\r\nHost: local".utf8))
                case 1: peer.send(Array("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
                case 2: peer.send([0, 1, 2, 3] + Array("\r\n\r\n".utf8))
                default: break
                }
                held.append(peer)
            }
            let long = Array(("X-A: " + String(repeating: "a", count: 8000) + "\r\n").utf8)
            let endless = try RawPeer.hostile(port)
            endless.send(Array("GET / HTTP/1.1\r\n".utf8))
            #expect(endless.flood(long, most: 1 << 30), "a head without end was taken")
            for _ in 0..<3 { #expect(try await site.get("api/v1/limits")["values"] != nil) }
            let grown = try residentBytes(of: pid) - before
            #expect(grown < Self.growth, "\(grown >> 20) MiB")
            let text = try await site.text("metrics")
            for reason in ["malformed request", "resting connection ended"] {
                let line = text.split(separator: "\n").first {
                    $0.hasPrefix("cerro_reader_ended_connections_total{reason=\"\(reason)\"}")
                }
                let count = line?.split(separator: " ").last.flatMap { Double($0) }
                #expect(count ?? 0 > 100, "\(reason): \(String(describing: line))")
            }
            withExtendedLifetime(held) {}
        }
    }
}

extension RawPeer {
    /// One that soon makes the other side keep what it does not take, and waits for nobody.
    static func hostile(_ port: Int) throws -> RawPeer {
        try RawPeer(port: port, room: 4096, patience: 2)
    }
}

/// The bytes that a process has in memory.
func residentBytes(of pid: Int64) throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    let number = line?.split(separator: " ").compactMap { Int($0) }.first
    return try #require(number) << 10
}

/// How many files this process may have open.
private enum OpenFiles {
    /// As many as it may allow itself; the tests of many connections need thousands.
    static func allowMany() throws {
        var limit = rlimit()
        try #require(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        limit.rlim_cur = limit.rlim_max
        try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
    }
}
