import CerroTesting
import Glibc
import Logging
import MessageBus
import MessagePack
import Synchronization
import Telemetry
import Testing
import ZeroMQ

/// A clock that counts who waits for a time of it, and how many ever did.
private final class CountingTime: TimeSource {
    private let time: ManualTimeSource
    private let counts = Mutex((asked: 0, cancelled: 0))

    init(_ time: ManualTimeSource) { self.time = time }

    var now: Timestamp { time.now }
    var monotonic: Duration { time.monotonic }
    var asked: Int { counts.withLock(\.asked) }
    var waiting: Int { counts.withLock { $0.asked - $0.cancelled } }

    func sleep(untilMonotonic deadline: Duration) async throws {
        try await time.sleep(untilMonotonic: deadline)
    }

    func call(
        atMonotonic deadline: Duration,
        _ body: @escaping @Sendable () -> Void
    ) -> @Sendable () -> Void {
        counts.withLock { $0.asked += 1 }
        return { self.counts.withLock { $0.cancelled += 1 } }
    }
}

@Suite("requester and server", .timeLimit(.minutes(10)))
struct RequesterTests {
    private let time = ManualTimeSource()
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func requester(_ bus: any Bus, _ endpoint: BusEndpoint) -> Requester {
        Requester(bus: bus, endpoint: endpoint, timeSource: time, logger: logger)
    }

    private func ask(
        _ requester: Requester,
        _ action: String,
        timeout: Duration = .seconds(1),
        connecting: Duration? = nil
    ) async -> Result<Reply, RequestError> {
        do throws(RequestError) {
            return .success(
                try await requester.request(
                    action,
                    target: "host",
                    epoch: 7,
                    timeout: timeout,
                    connecting: connecting
                )
            )
        } catch {
            return .failure(error)
        }
    }

    @Test("nobody is woken for the time limit of requests that have their replies")
    func alarm() async throws {
        let bus = try Carrier.memory.makeBus()
        let host = RequestHost(bus: bus, time: time, logger: logger)
        let clock = CountingTime(time)
        let requester = Requester(
            bus: bus,
            endpoint: try await host.open(),
            timeSource: clock,
            logger: logger
        )
        for _ in 1...3 {
            _ = try await ask(requester, "echo").get()
            #expect(clock.waiting == 0)
        }
        #expect(clock.asked == 3)
        await bus.reactor.shutdown()
    }

    @Test("a request gets its own reply, many at once", arguments: Carrier.allCases)
    func replies(_ carrier: Carrier) async throws {
        let bus = try carrier.makeBus()
        let host = RequestHost(bus: bus, time: time, logger: logger)
        let requester = requester(bus, try await host.open())
        let results = try await withThrowingTaskGroup(of: (Int64, Reply).self) { group in
            for number in 0..<100 as Range<Int64> {
                group.addTask {
                    let reply = try await requester.request(
                        "echo",
                        target: "host",
                        epoch: 7,
                        arguments: .int(number),
                        timeout: .seconds(5)
                    )
                    return (number, reply)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.count == 100)
        for (number, reply) in results {
            #expect(reply.code == .ok)
            #expect(reply.result == .int(number))
            #expect(reply.epoch == 7)
        }
        await bus.reactor.shutdown()
    }

    @Test("a request that is repeated with its id runs once", arguments: Carrier.allCases)
    func once(_ carrier: Carrier) async throws {
        let bus = try carrier.makeBus()
        let host = RequestHost(bus: bus, time: time, logger: logger)
        let requester = requester(bus, try await host.open())
        let id = RequestID.random()
        for _ in 0..<3 {
            let reply = try await requester.request(
                "count",
                target: "host",
                epoch: 7,
                timeout: .seconds(5),
                id: id
            )
            #expect(reply.result == .int(1))
        }
        let other = try await requester.request(
            "stop",
            target: "host",
            epoch: 7,
            timeout: .seconds(5),
            id: id
        )
        #expect(other.code == .requestDuplicateID)
        await bus.reactor.shutdown()
    }

    @Test(
        "without a connection nothing is asked, and the error says so",
        arguments: Carrier.allCases
    )
    func unreachable(_ carrier: Carrier) async throws {
        let bus = try carrier.makeBus()
        let endpoint = try #require(
            BusEndpoint(host: "127.0.0.1", port: try TakenPort.free())
        )
        let requester = requester(bus, endpoint)
        async let outcome = ask(requester, "echo")
        await time.somebodySleeps()
        time.jump(by: .seconds(1))
        guard case .failure(.unreachable(endpoint, _)) = await outcome else {
            Issue.record("\(await outcome)")
            return
        }
        await bus.reactor.shutdown()
    }

    @Test(
        "to find nobody there takes less time than an answer may take",
        arguments: Carrier.allCases
    )
    func connecting(_ carrier: Carrier) async throws {
        let bus = try carrier.makeBus()
        let nowhere = requester(
            bus,
            try #require(BusEndpoint(host: "127.0.0.1", port: try TakenPort.free()))
        )
        async let nobody = ask(nowhere, "echo", timeout: .seconds(60), connecting: .seconds(5))
        await time.somebodySleeps()
        time.jump(by: .seconds(5))
        guard case .failure(.unreachable) = await nobody else {
            Issue.record("\(await nobody)")
            return
        }

        let host = RequestHost(bus: bus, time: time, logger: logger)
        let there = requester(bus, try await host.open())
        async let answer = ask(there, "hold", timeout: .seconds(60), connecting: .seconds(5))
        await host.untilHeld()
        await time.somebodySleeps()
        time.jump(by: .seconds(30))
        await host.release()
        let outcome = await answer
        #expect(throws: Never.self) { try outcome.get() }
        await bus.reactor.shutdown()
    }

    @Test(
        "without a reply the outcome is not known; a late one is counted",
        arguments: Carrier.allCases
    )
    func timedOut(_ carrier: Carrier) async throws {
        let bus = try carrier.makeBus()
        let host = RequestHost(bus: bus, time: time, logger: logger)
        let requester = requester(bus, try await host.open())
        async let outcome = ask(requester, "hold")
        await host.untilHeld()
        await time.somebodySleeps()
        time.jump(by: .seconds(2))
        let expected = RequestError.timedOut(requester.endpoint, action: "hold")
        #expect(await outcome == .failure(expected))

        await host.release()
        let next = try await requester.request("echo", target: "host", timeout: .seconds(1))
        #expect(next.code == .ok)
        #expect(await requester.drops.total == 1)
        await bus.reactor.shutdown()
    }

    // Goal: something between the two ends hangs, and the connection stands for ever.
    @Test(
        "a connection that was silent for long when a request ran out of time is made anew",
        arguments: Carrier.allCases
    )
    func silent(_ carrier: Carrier) async throws {
        let bus = try carrier.makeBus()
        let host = RequestHost(bus: bus, time: time, logger: logger)
        let requester = requester(bus, try await host.open())
        for number in 1...8 {
            async let outcome = ask(requester, "hold")
            await host.untilHeld(number)
            await time.somebodySleeps()
            time.jump(by: .seconds(1))
            let expected = RequestError.timedOut(requester.endpoint, action: "hold")
            #expect(await outcome == .failure(expected))
        }
        let peers = await host.peers
        #expect(Set(peers[..<6]).count == 1, "a request that ran out of time alone ended it")
        #expect(peers[6] != peers[5])
        #expect(peers[7] == peers[6])
        let next = try await requester.request("echo", target: "host", timeout: .seconds(1))
        #expect(next.code == .ok)
        await bus.reactor.shutdown()
    }

    @Test("a caller that is cancelled waits no more", arguments: Carrier.allCases)
    func cancelled(_ carrier: Carrier) async throws {
        let bus = try carrier.makeBus()
        let host = RequestHost(bus: bus, time: time, logger: logger)
        let requester = requester(bus, try await host.open())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await #expect(throws: RequestError.cancelled(wasSent: true)) {
                    try await requester.request(
                        "hold",
                        target: "host",
                        epoch: 7,
                        timeout: .seconds(1)
                    )
                }
            }
            await host.untilHeld()
            group.cancelAll()
            try await group.waitForAll()
        }
        await bus.reactor.shutdown()
    }

    // Goal: a newer release asks what this one cannot read. Method: frames as they would come; a
    // caller that gets no answer would wait for the whole of its time.
    @Test("what cannot be read is answered with both versions", arguments: Carrier.allCases)
    func newerRequests(_ carrier: Carrier) async throws {
        let bus = try carrier.makeBus()
        let host = RequestHost(bus: bus, time: time, logger: logger)
        let newer = BusTester(bus)
        try await newer.connect(to: try await host.open())
        await newer.wait { $0.states.contains(.connected) }
        let id = Value.bytes(RequestID.random())
        var deep: Value = .null
        for _ in 0..<20 { deep = .array([deep]) }
        let rows: [(Value, ReplyCode, String)] = [
            (
                [2, id, "echo", ["of": "another form"]], .requestVersion,
                "wire version 2 is not spoken here, version 1 is: install the same release"
            ),
            ([1, id, "echo"], .requestMalformed, "wire version 1: 3 parts, expected 7"),
            ([1, id, "echo", "host", 7, .null, deep], .requestMalformed, "nests deeper than 16"),
            ([1, id, "echo", "host", 7, .null, 5, .null, "more", ["yet": "more"]], .ok, ""),
        ]
        for (count, row) in rows.enumerated() {
            #expect(await newer.send(row.0.messagePack))
            await newer.wait { $0.replies.count > count }
            let reply = try await newer.replies[count].withUnsafeBytes { try Reply(bytes: $0) }
            #expect(.bytes(reply.id) == id)
            #expect(reply.code == row.1)
            #expect(reply.text.contains(row.2), "\(reply.text)")
        }
        await bus.reactor.shutdown()
    }

    @Test("a reply that cannot be read ends the wait for it", arguments: Carrier.allCases)
    func newerReplies(_ carrier: Carrier) async throws {
        let bus = try carrier.makeBus()
        // It sends each request back, which is too long and of another form than a reply.
        let newer = BusTester(bus)
        let requester = requester(bus, try await newer.serve(Binding(host: "127.0.0.1")))
        guard
            case .failure(.unreadable(requester.endpoint, "echo", _)) = await ask(requester, "echo")
        else {
            Issue.record("no answer is an answer")
            return
        }
        #expect(await requester.drops.total == 1)
        await bus.reactor.shutdown()
    }

    @Test("garbage and a browser at the port disturb nobody")
    func strangers() async throws {
        let bus = try ZeroMQBus()
        let host = RequestHost(bus: bus, time: time, logger: logger)
        let endpoint = try await host.open()
        let browser = connectPlainly(to: endpoint.port)
        let text = Array("GET / HTTP/1.1\r\nHost: cerro\r\n\r\n".utf8)
        #expect(Glibc.send(browser, text, text.count, Int32(MSG_NOSIGNAL)) == text.count)

        let stranger = BusTester(bus)
        try await stranger.connect(to: endpoint)
        await stranger.wait { $0.states.contains(.connected) }
        #expect(await stranger.send([0xC1, 0xFF]))
        await host.untilDropped()

        let reply = try await requester(bus, endpoint)
            .request("echo", target: "host", timeout: .seconds(5))
        #expect(reply.code == .ok)
        close(browser)
        await bus.reactor.shutdown()
    }

    private func connectPlainly(to port: Int) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        #expect(status == 0)
        return descriptor
    }
}
