import CerroTesting
import Testing
import ZeroMQ

@testable import MessageBus

// Goal: who subscribes and does not read costs an agent so many bytes and no more, and the others
// nothing.
// Method: one peer introduces itself, subscribes to everything and never reads; another one reads.
// The publisher sends a megabyte at a time until the first has had its share long ago.
@OwnThread
@Suite("a subscriber that does not read", .timeLimit(.minutes(10)))
struct SlowSubscriberTests {
    private nonisolated static let megabyte = [UInt8](repeating: 7, count: 1 << 20)

    @Test("holds bytes up to a bound; who reads is back in a moment, and then gets everything")
    func bytes() async throws {
        let tester = BusTester(try ZeroMQBus())
        let reading = BusTester(try ZeroMQBus())
        let endpoint = try await tester.publish(at: Binding(host: "127.0.0.1"))
        try await reading.subscribe(to: endpoint, topics: ["a/"])
        while await !tester.hears("a/") { await Task.yield() }
        let deaf = await deafSubscriber(at: endpoint) { await tester.hears("b/") }

        // On a slow machine it takes longer than anybody who takes nothing is waited for.
        let clock = ContinuousClock()
        var begin = clock.now
        var isSlow: Bool { clock.now - begin >= BusLimits.silence }
        var most = 0
        var count = 0
        // As soon as it hears nothing more, the publisher has let go of everybody.
        while await tester.hears("b/") {
            most = max(most, await tester.publish("a/", Self.megabyte))
            count += 1
            let expected = count
            guard await tester.hears("b/") else { break }
            await reading.wait { $0.messages.count == expected }
        }
        #expect(most > BusLimits.publishBytes / 2 || isSlow, "the bound was never near")
        #expect(most <= BusLimits.publishBytes)
        #expect(await tester.waiting < Self.megabyte.count)
        while await !tester.hears("a/") { await Task.yield() }

        // The next one has no more than its share for as long as it is there.
        let another = await deafSubscriber(at: endpoint) { await tester.hears("b/") }
        await reading.forget()
        let dropped = await tester.dropped
        begin = clock.now
        for number in 1...150 {
            let waiting = await tester.publish("a/", Self.megabyte)
            // Beside the queue: what is on its way out, to either.
            #expect(waiting <= BusLimits.publishBytes + 4 * Self.megabyte.count)
            await reading.wait { $0.messages.count == number }
        }
        let hasDropped = await tester.dropped > dropped
        #expect(hasDropped || isSlow)
        withExtendedLifetime((deaf, another)) {}
        await tester.bus.reactor.shutdown()
        await reading.bus.reactor.shutdown()
    }

    /// One whose subscription has arrived.
    ///
    /// The publisher may be about to close all connections and to listen again: whoever connects in
    /// that moment is disconnected, and comes back.
    private func deafSubscriber(
        at endpoint: BusEndpoint,
        to topic: String = "",
        heardBy isHeard: () async -> Bool
    ) async -> RawPeer {
        while true {
            await Task.yield()
            guard let deaf = try? RawPeer(port: endpoint.port, room: 16 << 10) else { continue }
            deaf.subscribe(to: topic)
            while !deaf.isClosed {
                if await isHeard() { return deaf }
                await Task.yield()
                deaf.listen()
            }
        }
    }

    @Test("has the same bound in memory")
    func inMemory() async throws {
        let tester = BusTester(try InMemoryBus())
        let endpoint = try await tester.publish(at: Binding(host: "127.0.0.1"))
        try await tester.subscribe(to: endpoint, topics: ["a/"])
        while await !tester.hears("a/") { await Task.yield() }
        // Nobody reads while the reactor is at work.
        await tester.publish("a/", Self.megabyte, count: 100)
        #expect(await tester.dropped == 100 - BusLimits.publishBytes / Self.megabyte.count)
        await tester.wait { $0.messages.count == BusLimits.publishBytes / Self.megabyte.count }
        #expect(await tester.waiting == 0)
        await tester.bus.reactor.shutdown()
    }

    @Test("all of them together hold bytes up to a bound")
    func many() async throws {
        let tester = BusTester(try ZeroMQBus())
        let endpoint = try await tester.publish(at: Binding(host: "127.0.0.1"))
        var most = 0
        var deaf: [RawPeer] = []
        // Each comes when the one before has had its share, and gets other messages than that one.
        for topic in ["abcdef", "abcde", "abcd", "abc", "ab", "a"] {
            deaf.append(
                await deafSubscriber(at: endpoint, to: topic) { await tester.hears(topic) }
            )
            for _ in 0..<80 { most = max(most, await tester.publish("abcdef", Self.megabyte)) }
        }
        #expect(most > BusLimits.publishBytes, "they did not have a share each")
        #expect(most <= BusLimits.publishTotal)
        #expect(await tester.dropped > 0)
        await tester.bus.reactor.shutdown()
        withExtendedLifetime(deaf) {}
    }

    @Test("the bound on messages follows from the bytes that wait and from the longest message")
    func mark() {
        var mark = PublishMark()
        #expect(mark.lowered(by: 100, waiting: 0) == nil)
        #expect(mark.lowered(by: 1 << 20, waiting: 63 << 20) == nil)
        #expect(mark.lowered(by: 100, waiting: 64 << 20) == 64)
        // Nobody has more than a share now: those that wait are many.
        #expect(mark.lowered(by: 100, waiting: 255 << 20) == nil)
        #expect(mark.lowered(by: 100, waiting: 256 << 20) == 64)
        #expect(mark.lowered(by: 4 << 20, waiting: 61 << 20) == 16)
        #expect(mark.lowered(by: 64 << 20, waiting: 1) == 1)
    }
}

extension BusTester {
    fileprivate var dropped: Int { publisher?.dropped ?? 0 }
    fileprivate var waiting: Int { publisher?.waitingByteCount ?? 0 }

    fileprivate func hears(_ topic: String) -> Bool {
        publisher?.hasSubscribers(to: topic) ?? false
    }

    /// Publishes so many times, and returns how many bytes wait then.
    @discardableResult
    fileprivate func publish(_ topic: String, _ payload: [UInt8], count: Int = 1) -> Int {
        for _ in 0..<count { publisher?.publish(topic: topic, payload: payload) }
        return waiting
    }

    fileprivate func forget() { messages = [] }
}
