import CerroTesting
import Glibc
import Logging
import MessageBus
import Synchronization
import Telemetry
import Testing
import ZeroMQ

@Suite("a bus with keys", .timeLimit(.minutes(10)))
struct CurveTests {
    /// Who gets in; changes while the test runs.
    final class Doorkeeper: Sendable {
        private let guests = Mutex<Set<PublicKey>>([])

        func invite(_ key: PublicKey) { guests.withLock { _ = $0.insert(key) } }
        func expel(_ key: PublicKey) { guests.withLock { _ = $0.remove(key) } }
        func admits(_ key: PublicKey) -> Bool { guests.withLock { $0.contains(key) } }
    }

    private let doorkeeper = Doorkeeper()
    private let lines = LogLines()
    private let here: KeyPair
    private let guest: KeyPair
    private let loopback = Binding(host: "127.0.0.1")

    init() throws {
        here = try .random()
        guest = try .random()
    }

    private func bus(_ own: KeyPair) throws -> ZeroMQBus {
        let doorkeeper = doorkeeper
        return try ZeroMQBus(
            keys: BusKeys(own: own, logger: lines.logger, time: ManualTimeSource()) {
                doorkeeper.admits($0)
            }
        )
    }

    private func end(_ testers: BusTester...) async {
        for tester in testers { await tester.bus.reactor.shutdown() }
    }

    @Test("a key that is admitted gets through, and the request carries it")
    func admitted() async throws {
        doorkeeper.invite(guest.publicKey)
        let server = BusTester(try bus(here))
        let client = BusTester(try bus(guest))
        let endpoint = try await server.serve(loopback)
        #expect(endpoint.key == here.publicKey)
        try await client.connect(to: endpoint)
        await client.ask([1, 2, 3])
        #expect(await client.replies == [[1, 2, 3]])
        #expect(await server.users == [guest.publicKey.description])
        #expect(await server.perform { $0.bus.strangerCount } == 0)
        await end(server, client)
    }

    // Goal: somebody has a key of his own, and is admitted later.
    @Test("a stranger stays out, is logged with address and key, and gets in once admitted")
    func stranger() async throws {
        let server = BusTester(try bus(here))
        let client = BusTester(try bus(guest))
        let endpoint = try await server.serve(loopback)
        try await client.connect(to: endpoint)
        await client.wait { tester in
            tester.states.contains(
                .disconnected(reason: "the connection was refused: the key is not admitted")
            )
        }
        #expect(await !client.send([1]))
        #expect(await server.requests.isEmpty)
        #expect(lines.all.count == 1)
        let line = try #require(lines.all.first)
        #expect(line.contains("127.0.0.1") && line.contains(guest.publicKey.description))

        doorkeeper.invite(guest.publicKey)
        await client.ask([2])
        #expect(await client.replies == [[2]])
        await end(server, client)
    }

    @Test("who has no keys at all stays out, and is logged")
    func withoutKeys() async throws {
        let server = BusTester(try bus(here))
        let client = BusTester(try ZeroMQBus())
        let endpoint = try await server.serve(loopback)
        try await client.connect(to: endpoint)
        try await eventually("the stranger is counted") {
            await server.perform { $0.bus.strangerCount } > 0 ? true : nil
        }
        #expect(await !client.states.contains(.connected))
        #expect(await server.requests.isEmpty)
        // The library tells no address; one that is gone at once may not be found any more.
        let addresses = ["address=127.0.0.1", "address=unknown"]
        #expect(lines.all.allSatisfy { line in addresses.contains { line.contains($0) } })
        #expect(lines.all.allSatisfy { $0.contains("no key") })
        await end(server, client)
    }

    // Goal: somebody else listens where a client expects an instance.
    @Test("a server without the pinned key hears nothing")
    func impostor() async throws {
        doorkeeper.invite(guest.publicKey)
        let impostor = BusTester(try bus(here))
        let client = BusTester(try bus(guest))
        var endpoint = try await impostor.serve(loopback)
        endpoint.key = try KeyPair.random().publicKey
        try await client.connect(to: endpoint)
        try await eventually("the handshake has failed") {
            await impostor.perform { $0.bus.strangerCount } > 0 ? true : nil
        }
        #expect(await !client.states.contains(.connected))
        #expect(await !client.send([1]))
        #expect(await impostor.requests.isEmpty)
        await end(impostor, client)
    }

    // Goal: a key is revoked while its connections stand; somebody else's go on.
    @Test("a revoked key's connections end, both kinds, and those of others stay")
    func revoked() async throws {
        let other = try KeyPair.random()
        doorkeeper.invite(guest.publicKey)
        doorkeeper.invite(other.publicKey)
        let server = BusTester(try bus(here))
        let client = BusTester(try bus(guest))
        let bystander = BusTester(try bus(other))
        let requests = try await server.serve(loopback)
        let publisher = try await server.publish(at: loopback)
        for tester in [client, bystander] {
            try await tester.connect(to: requests)
            await tester.ask([1])
            try await tester.subscribe(to: publisher, topics: ["a/"])
            try await eventually("something is heard") {
                await server.perform { _ = $0.publisher?.publish(topic: "a/", payload: [1]) }
                return await tester.messages.isEmpty ? nil : true
            }
        }
        doorkeeper.expel(guest.publicKey)
        await server.perform { $0.bus.expelStrangers() }
        await client.wait { $0.states.last?.isConnected == false }
        try await eventually("the subscription has ended") {
            await client.perform { $0.subscription?.state.isConnected == false } ? true : nil
        }
        let heard = await client.messages.count
        let count = await bystander.messages.count
        #expect(await server.perform { $0.publisher?.publish(topic: "a/", payload: [2]) } == true)
        await bystander.wait { $0.messages.count > count }
        #expect(await client.messages.count == heard)
        #expect(await bystander.states == [.connected])
        #expect(await !client.send([2]))
        await end(server, client, bystander)
    }

    // Goal: a key is revoked and nobody has told the sockets yet.
    @Test("a request with a key that was revoked meanwhile is not heard, and ends its connection")
    func revokedInBetween() async throws {
        doorkeeper.invite(guest.publicKey)
        let server = BusTester(try bus(here))
        let client = BusTester(try bus(guest))
        try await client.connect(to: try await server.serve(loopback))
        await client.ask([1])
        doorkeeper.expel(guest.publicKey)
        #expect(await client.send([2]))
        await client.wait { $0.states.last?.isConnected == false }
        #expect(await server.requests == [[1]])
        await end(server, client)
    }

    // Goal: somebody on the way has recorded a command, and says it again.
    // Method: a proxy records the client's bytes; they go to the server over a new connection.
    @Test("recorded bytes show nothing, and said again they are a stranger's")
    func replayed() async throws {
        doorkeeper.invite(guest.publicKey)
        let server = BusTester(try bus(here))
        let client = BusTester(try bus(guest))
        let endpoint = try await server.serve(loopback)
        let port = try TakenPort.free()
        let proxy = try TCPProxy(
            from: .init("127.0.0.1", port),
            to: .init("127.0.0.1", endpoint.port)
        )
        defer { proxy.close() }
        let way = BusEndpoint(host: "127.0.0.1", port: port, key: endpoint.key)
        try await client.connect(to: try #require(way))
        let command = Array(repeating: Array("set_heater".utf8), count: 20).flatMap(\.self)
        await client.ask(command)
        let recorded = try await eventually("all is recorded") {
            let recorded = proxy.recorded
            return recorded.count > command.count ? recorded : nil
        }
        #expect(recorded.contains(subsequence: Array("CURVE".utf8)))
        #expect(!recorded.contains(subsequence: Array("set_heater".utf8)))
        #expect(await server.perform { $0.bus.strangerCount } == 0)

        let attacker = try PlainConnection(port: endpoint.port)
        attacker.send(recorded)
        try await eventually("the attacker is turned away") {
            await server.perform { $0.bus.strangerCount } > 0 ? true : nil
        }
        #expect(await server.requests == [command])
        await end(server, client)
    }

    // Goal: somebody on the way doubles and reorders messages of a connection that stands.
    @Test("a message that comes twice ends the connection, and is heard once")
    func doubled() async throws {
        doorkeeper.invite(guest.publicKey)
        let server = BusTester(try bus(here))
        let client = BusTester(try bus(guest))
        let endpoint = try await server.serve(loopback)
        let port = try TakenPort.free()
        let proxy = try TCPProxy(
            from: .init("127.0.0.1", port),
            to: .init("127.0.0.1", endpoint.port),
            chance: SeededGenerator(seed: 1)
        )
        defer { proxy.close() }
        let way = BusEndpoint(host: "127.0.0.1", port: port, key: endpoint.key)
        try await client.connect(to: try #require(way))
        await client.ask([1])
        proxy.set(.careless(lost: 0, doubled: 100, overtaken: 0))
        #expect(await client.send([2]))
        await client.wait { $0.states.contains { !$0.isConnected } }
        #expect(proxy.harmed > 0)
        let heard = await server.requests
        #expect(heard == [[1]] || heard == [[1], [2]])
        await end(server, client)
    }

    @Test("with keys a bus listens off loopback; an endpoint without a key is not connected to")
    func offLoopback() async throws {
        let tester = BusTester(try bus(here))
        let endpoint = try await tester.serve(Binding(host: "0.0.0.0"))
        #expect(!endpoint.isLoopback)
        let plain = try #require(BusEndpoint(host: "127.0.0.1", port: endpoint.port))
        await #expect(throws: BusError.keyUnknown(of: plain)) {
            try await tester.connect(to: plain)
        }
        await end(tester)
    }

    @Test("without keys a bus neither listens nor connects off loopback, and says what to do")
    func unprotected() async throws {
        let tester = BusTester(try ZeroMQBus())
        await #expect(throws: BusError.unprotected(host: "0.0.0.0")) {
            try await tester.serve(Binding(host: "0.0.0.0"))
        }
        let there = try #require(BusEndpoint(host: "198.18.0.1", port: 5560))
        let error = await #expect(throws: BusError.self) { try await tester.connect(to: there) }
        #expect("\(try #require(error))".contains("cerro keys init"))
        await end(tester)
    }
}

extension [UInt8] {
    fileprivate func contains(subsequence: [UInt8]) -> Bool {
        indices.contains { self[$0...].starts(with: subsequence) }
    }
}

/// A connection of TCP that says whatever it is told.
private final class PlainConnection {
    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let status = SocketAddress.with("127.0.0.1", port: port) {
            Glibc.connect(descriptor, $0, $1)
        }
        try #require(status == 0)
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) {
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }
}

/// What was logged, a line each.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }

    private struct Handler: LogHandler {
        let lines: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = event.metadata?.map { "\($0.key)=\($0.value)" }.sorted() ?? []
            lines.lines.withLock {
                $0.append(([event.message.description] + metadata).joined(separator: " "))
            }
        }
    }
}
