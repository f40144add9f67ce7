import CerroTesting
import Dispatch
import Synchronization
import MessageBus
import Telemetry
import Testing

@testable import Reader

/// A door that threads wait at until it is opened.
private final class Door: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    private let arrivals = AsyncStream.makeStream(of: Void.self)

    /// Waits until the door is opened for one.
    func pass() {
        arrivals.continuation.yield()
        semaphore.wait()
    }

    /// Lets `count` through.
    func open(_ count: Int = 1) {
        for _ in 0..<count { semaphore.signal() }
    }

    /// Suspends until somebody stands at the door.
    func arrival() async {
        for await _ in arrivals.stream { return }
    }
}

@Suite("Queries share threads and work, and end in time", .timeLimit(.minutes(10)))
struct QueryServiceTests {
    private let query = DataQuery(
        fields: [FieldPattern("cryo.temps.stage")],
        range: at(0)..<at(10)
    )

    private func service(
        _ source: MemorySource,
        _ clock: ManualTimeSource,
        threads: Int,
        waiting: Int
    ) -> QueryService {
        QueryService(
            engine: QueryEngine(archive: source),
            pool: WorkPool(time: clock, threads: threads, waiting: waiting),
            time: clock
        )
    }

    @Test("equal queries under way at once read the archive once")
    func shared() async throws {
        let door = Door()
        let source = MemorySource(cryostat(seconds: 10).lines) { door.pass() }
        let service = service(source, ManualTimeSource(at(0)), threads: 2, waiting: 8)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    try await service.data(query).timelines.first?.timestamps.count ?? 0
                }
            }
            await door.arrival()
            while service.waiters(for: query) < 3 { await Task.yield() }
            door.open()
            for try await count in group { #expect(count == 10) }
        }
        #expect(source.sliceCount == 1)
    }

    @Test("one query too many is refused at once, and those that wait are answered")
    func busy() async throws {
        let door = Door()
        let source = MemorySource(cryostat(seconds: 10).lines) { door.pass() }
        let service = service(source, ManualTimeSource(at(0)), threads: 1, waiting: 1)
        var other = query
        other.range = at(0)..<at(5)
        var third = query
        third.range = at(0)..<at(3)
        async let first = service.data(query)
        await door.arrival()
        async let second = service.data(other)
        while service.waiters(for: other) < 1 { await Task.yield() }
        let error = await #expect(throws: QueryError.self) { try await service.data(third) }
        #expect(error == .busy(waiting: 1))
        #expect(error?.code == .requestTooMany)
        door.open(2)
        #expect(try await first.timelines.first?.timestamps.count == 10)
        #expect(try await second.timelines.first?.timestamps.count == 5)
    }

    @Test("a query that waited too long is not begun")
    func late() async throws {
        let door = Door()
        let clock = ManualTimeSource(at(0))
        let source = MemorySource(cryostat(seconds: 10).lines) { door.pass() }
        let service = service(source, clock, threads: 1, waiting: 1)
        var other = query
        other.range = at(0)..<at(5)
        async let first = service.data(query)
        await door.arrival()
        async let second = service.data(other)
        while service.waiters(for: other) < 1 { await Task.yield() }
        clock.jump(by: ReaderLimits.queryTime)
        door.open()
        #expect(try await first.timelines.count == 1)
        do {
            _ = try await second
            Issue.record("the second query was answered")
        } catch {
            #expect(error as? QueryError == .timeout(ReaderLimits.queryTime))
        }
        #expect(source.sliceCount == 1)
    }

    @Test("who gives up leaves the others their answer; when all have, the work stops")
    func givenUp() async throws {
        let door = Door()
        let source = MemorySource(cryostat(seconds: 10).lines) { door.pass() }
        let service = service(source, ManualTimeSource(at(0)), threads: 1, waiting: 1)
        var buckets = query
        buckets.reduction = .buckets(2)
        let asked = buckets
        let first = Task { try await service.data(asked) }
        await door.arrival()
        let second = Task { try await service.data(asked) }
        while service.waiters(for: asked) < 2 { await Task.yield() }
        first.cancel()
        await #expect(throws: QueryError.stopped) { try await first.value }
        #expect(service.waiters(for: asked) == 1)
        door.open()
        #expect(try await second.value.timelines.first?.timestamps.count == 1)

        // Alone: its thread stands at the door, and finds out behind it that nobody waits.
        let third = Task { try await service.data(asked) }
        await door.arrival()
        third.cancel()
        await #expect(throws: QueryError.stopped) { try await third.value }
        #expect(service.waiters(for: asked) == 0)
        // The same question again is new work, which waits for the thread.
        let fourth = Task { try await service.data(asked) }
        while service.waiters(for: asked) < 1 { await Task.yield() }
        door.open(2)
        #expect(try await fourth.value.timelines.first?.timestamps.count == 1)
        #expect(source.sliceCount == 3)
    }

    @Test("a query that was given up before it began has no work done, and its place is free")
    func neverBegun() async throws {
        let door = Door()
        let source = MemorySource(cryostat(seconds: 10).lines) { door.pass() }
        let service = service(source, ManualTimeSource(at(0)), threads: 1, waiting: 1)
        var other = query
        other.range = at(0)..<at(5)
        let (running, waiting) = (query, other)
        var third = query
        third.range = at(0)..<at(3)
        let last = third
        let first = Task { try await service.data(running) }
        await door.arrival()
        let second = Task { try await service.data(waiting) }
        while service.waiters(for: waiting) < 1 { await Task.yield() }
        second.cancel()
        await #expect(throws: QueryError.stopped) { try await second.value }
        let next = Task { try await service.data(last) }
        while service.waiters(for: last) < 1 { await Task.yield() }
        door.open(2)
        #expect(try await first.value.timelines.first?.timestamps.count == 10)
        #expect(try await next.value.timelines.first?.timestamps.count == 3)
        #expect(source.sliceCount == 2)
    }
}
