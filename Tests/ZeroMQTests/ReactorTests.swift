import CerroTesting
import Testing
import ZeroMQ

private actor Pinned {
    nonisolated let reactor: Reactor
    private(set) var count = 0

    init(_ reactor: Reactor) { self.reactor = reactor }

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        reactor.asUnownedSerialExecutor()
    }

    func runsOnReactor() -> Bool { reactor.isCurrent }

    func add() { count += 1 }
}

private final class Seen {
    var order: [Int] = []
}

@Suite("reactor", .timeLimit(.minutes(10)))
struct ReactorTests {
    @Test("an actor that is pinned to the reactor runs on its thread")
    func pinnedActor() async throws {
        let reactor = try Reactor()
        let actor = Pinned(reactor)
        #expect(await actor.runsOnReactor())
        #expect(!reactor.isCurrent)
        await reactor.shutdown()
    }

    @Test("what is asked for runs in order, and may enter a pinned actor without a hop")
    func order() async throws {
        let reactor = try Reactor()
        let actor = Pinned(reactor)
        for _ in 0..<5_000 {
            reactor.run { actor.assumeIsolated { $0.add() } }
        }
        #expect(await actor.count == 5_000)
        await reactor.shutdown()
    }

    @Test("what is left until it is awake keeps its place, and comes before what wakes it")
    func whenAwake() async throws {
        let context = try Context()
        let reactor = try Reactor(context: context)
        let (events, sink) = AsyncStream.makeStream(of: Int.self)
        reactor.whenAwake { sink.yield(1) }
        reactor.whenAwake { sink.yield(2) }
        let port = await withCheckedContinuation { (done: CheckedContinuation<Int?, Never>) in
            reactor.run {
                sink.yield(3)
                let socket = try? Socket(.router, context: context, reactor: reactor)
                socket?.onMessage = { _ in sink.yield(5) }
                let endpoint = try? socket?.bind(host: "127.0.0.1", ports: 0...0)
                done.resume(returning: endpoint?.split(separator: ":").last.flatMap { Int($0) })
            }
        }
        let peer = try RawPeer(port: try #require(port))
        peer.introduce(as: "DEALER")
        reactor.whenAwake { sink.yield(4) }
        peer.send([0x00, 1, 1])
        var seen = events.makeAsyncIterator()
        for expected in 1...5 { #expect(await seen.next() == expected) }
        await reactor.shutdown()
    }

    @Test("a task that prefers the reactor goes on there after a wait, also outside of its actors")
    func preference() async throws {
        let reactor = try Reactor()
        let other = Pinned(try Reactor())
        let places = await Task(executorPreference: reactor) { @concurrent in
            let before = reactor.isCurrent
            _ = await other.runsOnReactor()
            return [before, reactor.isCurrent]
        }.value
        #expect(places == [true, true])
        await reactor.shutdown()
        await other.reactor.shutdown()
    }

    @Test("a timer runs on the reactor and may enter a pinned actor; equal ones keep their order")
    func timer() async throws {
        let reactor = try Reactor()
        let actor = Pinned(reactor)
        let counts = await withCheckedContinuation { (done: CheckedContinuation<[Int], Never>) in
            reactor.run {
                let seen = Seen()
                reactor.run(after: .seconds(3_600)) { seen.order.append(-1) }
                for number in 0..<3 {
                    reactor.run(after: .zero) {
                        actor.assumeIsolated { $0.add() }
                        seen.order.append(number)
                    }
                }
                reactor.run(after: .milliseconds(2)) {
                    done.resume(returning: seen.order)
                }
            }
        }
        #expect(counts == [0, 1, 2])
        await reactor.shutdown()
    }

    @Test("a job that comes after the end still runs, and finds no socket")
    func lateJob() async throws {
        let context = try Context()
        let reactor = try Reactor(context: context)
        let actor = Pinned(reactor)
        await reactor.shutdown()
        await reactor.shutdown()
        for _ in 0..<100 { await actor.add() }
        #expect(await actor.count == 100)
        let error = await withCheckedContinuation { (done: CheckedContinuation<Bool, Never>) in
            reactor.run {
                let socket = try? Socket(.dealer, context: context, reactor: reactor)
                done.resume(returning: socket == nil)
            }
        }
        #expect(error)
    }

    @Test("jobs from many threads all run, also while the reactor ends")
    func manyThreads() async throws {
        let reactor = try Reactor()
        let actor = Pinned(reactor)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask { for _ in 0..<100 { await actor.add() } }
            }
            group.addTask { await reactor.shutdown() }
        }
        #expect(await actor.count == 5_000)
    }

    @Test("a taken port says so, and what to do")
    func portTaken() async throws {
        let context = try Context()
        let reactor = try Reactor(context: context)
        let text = await withCheckedContinuation { (done: CheckedContinuation<String, Never>) in
            reactor.run {
                do throws(ZeroMQError) {
                    let first = try Socket(.router, context: context, reactor: reactor)
                    let second = try Socket(.router, context: context, reactor: reactor)
                    let endpoint = try first.bind(host: "127.0.0.1", ports: 0...0)
                    let port = endpoint.split(separator: ":").last.flatMap { Int($0) } ?? 0
                    _ = try second.bind(host: "127.0.0.1", ports: port...port)
                    done.resume(returning: "bound twice")
                } catch {
                    done.resume(returning: error.description)
                }
            }
        }
        #expect(text.contains("is taken by another program"))
        #expect(text.contains("choose another port"))
        await reactor.shutdown()
    }

    @Test("a foreign address says so, and what to do")
    func badAddress() async throws {
        let context = try Context()
        let reactor = try Reactor(context: context)
        let text = await withCheckedContinuation { (done: CheckedContinuation<String, Never>) in
            reactor.run {
                do throws(ZeroMQError) {
                    let socket = try Socket(.router, context: context, reactor: reactor)
                    _ = try socket.bind(host: "192.0.2.1", ports: 5_000...5_001)
                    done.resume(returning: "bound")
                } catch {
                    done.resume(returning: error.description)
                }
            }
        }
        #expect(text.contains("192.0.2.1:5000"))
        #expect(text.contains("of this machine"))
        await reactor.shutdown()
    }

    // Goal: the end of a process never waits for the library's thread, and that one never for us.
    // Method: sockets that watch their connections, which are being made while the reactor ends.
    @Test("a reactor ends while the connections of its sockets are watched", arguments: 0..<20)
    func watched(round: Int) async throws {
        let context = try Context()
        let reactor = try Reactor(context: context)
        let failure = await withCheckedContinuation { (done: CheckedContinuation<String?, Never>) in
            reactor.run {
                do throws(ZeroMQError) {
                    for _ in 0..<8 {
                        let server = try Socket(.router, context: context, reactor: reactor)
                        try server.monitor { _ in }
                        let endpoint = try server.bind(host: "127.0.0.1", ports: 0...0)
                        for _ in 0..<4 {
                            let client = try Socket(.dealer, context: context, reactor: reactor)
                            try client.monitor { _ in }
                            try client.connect(to: endpoint)
                        }
                    }
                    done.resume(returning: nil)
                } catch {
                    done.resume(returning: error.description)
                }
            }
        }
        #expect(failure == nil)
        await reactor.shutdown()
    }
}
