import CerroTesting
import MessageBus
import Testing
import ZeroMQ

@Suite("bus contract", .timeLimit(.minutes(10)))
struct BusContractTests {
    private let local = Binding(host: "127.0.0.1")

    private func withTester(
        _ carrier: Carrier,
        _ body: (BusTester) async throws -> Void
    ) async throws {
        let tester = BusTester(try carrier.makeBus())
        try await body(tester)
        await tester.bus.reactor.shutdown()
    }

    @Test("a request reaches the server, its reply the one who asked", arguments: Carrier.allCases)
    func requestAndReply(_ carrier: Carrier) async throws {
        try await withTester(carrier) { tester in
            let endpoint = try await tester.serve(local)
            try await tester.connect(to: endpoint)
            await tester.wait { $0.states.contains(.connected) }
            for number in 0..<200 as Range<UInt8> { #expect(await tester.send([number])) }
            await tester.wait { $0.replies.count == 200 }
            #expect(await tester.replies == (0..<200).map { [$0] })
        }
    }

    @Test("nothing is sent before the connection is established", arguments: Carrier.allCases)
    func notEstablished(_ carrier: Carrier) async throws {
        try await withTester(carrier) { tester in
            // None that the system gives away again meanwhile.
            let endpoint = try #require(
                BusEndpoint(host: "127.0.0.1", port: try TakenPort.free())
            )
            try await tester.connect(to: endpoint)
            #expect(await !tester.send([1]))
            try await tester.serve(at: endpoint)
            await tester.ask([2])
            #expect(await Set(tester.requests) == [[2]])
        }
    }

    @Test("messages of a megabyte pass whole", arguments: Carrier.allCases)
    func big(_ carrier: Carrier) async throws {
        try await withTester(carrier) { tester in
            let endpoint = try await tester.serve(local)
            try await tester.connect(to: endpoint)
            await tester.wait { $0.states.contains(.connected) }
            let bytes = (0..<BusLimits.longestRequest).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            #expect(await tester.send(bytes))
            await tester.wait { !$0.replies.isEmpty }
            #expect(await tester.replies == [bytes])
        }
    }

    @Test("subscribers hear their topics only", arguments: Carrier.allCases)
    func topics(_ carrier: Carrier) async throws {
        try await withTester(carrier) { tester in
            let endpoint = try await tester.publish(at: local)
            #expect(await tester.perform { $0.publisher?.hasSubscribers(to: "a/x/") } == false)
            try await tester.subscribe(to: endpoint, topics: ["a/"])
            while await tester.perform({ $0.publisher?.hasSubscribers(to: "a/x/") }) != true {
                await Task.yield()
            }
            await tester.perform {
                #expect($0.publisher?.hasSubscribers(to: "b/") == false)
                $0.publisher?.publish(topic: "b/x/", payload: [1])
                $0.publisher?.publish(topic: "a/x/", payload: [2])
                $0.publisher?.publish(topic: "a/y/", payload: [])
                $0.subscription?.add(topic: "b/")
            }
            await tester.wait { $0.messages.count == 2 }
            while await tester.perform({ $0.publisher?.hasSubscribers(to: "b/x/") }) != true {
                await Task.yield()
            }
            await tester.perform { _ = $0.publisher?.publish(topic: "b/x/", payload: [3]) }
            await tester.wait { $0.messages.count == 3 }
            #expect(await tester.messages.map(\.topic) == ["a/x/", "a/y/", "b/x/"])
            #expect(await tester.messages.map(\.bytes) == [[2], [], [3]])
        }
    }

    @Test(
        "an audience is there from the first subscription to the last",
        arguments: Carrier.allCases
    )
    func audience(_ carrier: Carrier) async throws {
        try await withTester(carrier) { tester in
            let endpoint = try await tester.publish(at: local)
            let audience = try #require(await tester.perform { $0.publisher?.audience })
            #expect(!audience.isPresent)
            try await tester.subscribe(to: endpoint, topics: [])
            await tester.perform { $0.subscription?.add(topic: "a/") }
            while !audience.isPresent { await Task.yield() }
            await tester.perform { $0.subscription?.remove(topic: "a/") }
            while audience.isPresent { await Task.yield() }
            await tester.perform { $0.subscription?.add(topic: "b/") }
            while !audience.isPresent { await Task.yield() }
            await tester.perform { $0.subscription?.close() }
            while audience.isPresent { await Task.yield() }
        }
    }

    @Test(
        "a connection finds a server that restarted on the same port",
        arguments: Carrier.allCases
    )
    func restart(_ carrier: Carrier) async throws {
        try await withTester(carrier) { tester in
            let endpoint = try #require(
                BusEndpoint(host: "127.0.0.1", port: try TakenPort.free())
            )
            try await tester.serve(at: endpoint)
            try await tester.connect(to: endpoint)
            await tester.wait { $0.states.contains(.connected) }
            await tester.closeServer()
            await tester.wait { $0.states.last?.isConnected == false }
            try await tester.serve(at: endpoint)
            await tester.ask([2])
            #expect(await Set(tester.requests) == [[2]])
        }
    }

    @Test("a taken port says so; a range gives the next one", arguments: Carrier.allCases)
    func taken(_ carrier: Carrier) async throws {
        try await withTester(carrier) { tester in
            let port = try await tester.serve(local).port
            let same = Binding(host: "127.0.0.1", ports: port...port)
            let error = await #expect(throws: BusError.self) { try await tester.serve(same) }
            #expect(error == .portTaken(host: "127.0.0.1", ports: port...port))
            #expect(error?.description.contains("port \(port) of 127.0.0.1 is taken") == true)
            let other = try await tester.serve(
                Binding(host: "127.0.0.1", ports: 0...0, preferred: port)
            )
            #expect(other.port != port)
        }
    }

    @Test(
        "a message too long costs its sender the connection, nobody else",
        arguments: Carrier.allCases
    )
    func tooLong(_ carrier: Carrier) async throws {
        try await withTester(carrier) { tester in
            let endpoint = try await tester.serve(local)
            try await tester.connect(to: endpoint)
            await tester.wait { $0.states.contains(.connected) }
            let innocent = BusTester(tester.bus)
            try await innocent.connect(to: endpoint)
            await innocent.wait { $0.states.contains(.connected) }

            let long = [UInt8](repeating: 7, count: BusLimits.longestRequest + 1)
            #expect(await tester.send(long))
            await tester.wait { $0.states.contains { !$0.isConnected } }
            #expect(await innocent.send([1]))
            await innocent.wait { $0.replies == [[1]] }
            await tester.wait { $0.states.last == .connected }
            #expect(await tester.send([2]))
            await tester.wait { $0.replies == [[2]] }
            #expect(await innocent.states == [.connected])
        }
    }

    @Test(
        "publishing never waits: what a subscriber has no room for is counted",
        arguments: Carrier.allCases
    )
    func slowSubscriber(_ carrier: Carrier) async throws {
        try await withTester(carrier) { tester in
            let endpoint = try await tester.publish(at: local)
            try await tester.subscribe(to: endpoint, topics: ["a/"])
            while await tester.perform({ $0.publisher?.hasSubscribers(to: "a/") }) != true {
                await Task.yield()
            }
            let dropped = await tester.perform { tester in
                let payload = [UInt8](repeating: 1, count: 1_024)
                for _ in 0..<200_000 where tester.publisher?.dropped == 0 {
                    tester.publisher?.publish(topic: "a/", payload: payload)
                }
                return tester.publisher?.dropped
            }
            #expect(dropped == 1)
            await tester.wait { $0.messages.count >= BusLimits.publishMark }
        }
    }

    @Test("a reply to a peer that is gone is counted", arguments: Carrier.allCases)
    func unroutable(_ carrier: Carrier) async throws {
        try await withTester(carrier) { tester in
            _ = try await tester.serve(local)
            await tester.perform {
                #expect($0.server?.reply(to: Peer(routingID: [1, 2, 3]), [1]) == false)
                #expect($0.server?.unroutable == 1)
            }
        }
    }

    @Test("a socket off loopback does not open without keys")
    func unprotected() async throws {
        try await withTester(.zeroMQ) { tester in
            let open = Binding(host: "0.0.0.0")
            let error = await #expect(throws: BusError.self) { try await tester.serve(open) }
            #expect(error?.description.contains("cerro keys init") == true)
        }
    }
}
