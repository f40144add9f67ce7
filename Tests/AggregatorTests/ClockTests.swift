import CerroTesting
import Log
import Synchronization
import Telemetry
import Testing

@testable import Aggregator
@testable import Archive

/// Clocks of which the wall clock is set at will.
private final class SetClock: TimeSource {
    private struct State {
        var monotonic = Duration.zero
        var offset = Duration.zero
    }

    private let state = Mutex(State())
    let start = Timestamp(seconds: 1_800_000_000)

    var monotonic: Duration { state.withLock(\.monotonic) }
    var now: Timestamp { state.withLock { start + $0.monotonic + $0.offset } }

    func pass(_ duration: Duration) { state.withLock { $0.monotonic += duration } }
    func set(to instant: Timestamp) {
        state.withLock { $0.offset = instant - (start + $0.monotonic) }
    }
    func step(by duration: Duration) { state.withLock { $0.offset += duration } }
    func sleep(untilMonotonic deadline: Duration) async throws {}
}

private let in1970 = Timestamp(seconds: 100), in2100 = Timestamp(seconds: 4_102_444_800)

@Suite("clocks that jump")
struct ClockTests {
    let stage = DeskStage()

    /// What somebody does to the clock of the aggregator's host.
    enum Jump: String, CaseIterable {
        case to1970, to2100, hourAhead, hourBack, steps, there2100AndBack, there1970AndBack
    }

    private func jump(_ jump: Jump, _ clock: SetClock, step: Int) {
        switch (jump, step) {
        case (.to1970, 20), (.there1970AndBack, 20): clock.set(to: in1970)
        case (.to2100, 20), (.there2100AndBack, 20): clock.set(to: in2100)
        case (.hourAhead, 20): clock.step(by: .seconds(3600))
        case (.hourBack, 20): clock.step(by: .seconds(-3600))
        case (.steps, _): clock.step(by: .milliseconds(step % 2 == 0 ? 400 : -400))
        case (.there2100AndBack, 21), (.there1970AndBack, 40):
            clock.set(to: clock.start + clock.monotonic)
        default: break
        }
    }

    // Goal: whatever the clock shows, each record is there once, files follow each other, and
    // there are about as many of them as the time that passed asks for.
    // Method: ten hours in steps of five minutes, a file an hour, with a jump in between.
    @Test("nothing dropped, no storm of files, no overlap", arguments: Jump.allCases)
    func jumps(_ kind: Jump) async throws {
        let clock = SetClock()
        let log = try await stage.log(records: 0)
        let desk = try stage.desk(time: clock)
        var received: [Timestamp] = []
        var wasOff = false
        for step in 0..<120 {
            jump(kind, clock, step: step)
            try stage.publish(Int64(step + 2)..<Int64(step + 3), to: log)
            try stage.pullAll(of: log, into: desk)
            for _ in 0..<10 {
                clock.pass(.seconds(30))
                _ = try desk.commitIfDue()
            }
            received.append(desk.receiveTime)
            wasOff = wasOff || desk.status.clockLead.isClockTrouble
        }
        try desk.close()
        #expect(received == received.sorted())
        #expect(zip(received, received.dropFirst()).allSatisfy { $0 < $1 })
        let files = try stage.directory.files()
        #expect((5...14).contains(files.count), "\(files.count) files")
        #expect(files.compactMap(\.created) == files.compactMap(\.created).sorted())
        #expect(wasOff == (kind != .steps && kind != .hourAhead))
        let isBelieved = [.to2100].contains(kind)
        #expect((received[119] > in2100 - .seconds(86_400)) == isBelieved)
        #expect(try stage.positions() == Array(2..<122))
        #expect(try stage.ledger().isEmpty)
        let ranges = try stage.receivedRanges()
        for (earlier, later) in zip(ranges, ranges.dropFirst()) {
            #expect(earlier.upperBound <= later.lowerBound)
        }
    }

    // Goal: a clock that showed 2100 long enough to be believed, put right before a restart.
    @Test("a new process goes on behind the newest file, at half the pace, and says so")
    func restart() async throws {
        let clock = SetClock()
        let log = try await stage.log(records: 3)
        clock.set(to: in2100)
        var desk = try stage.desk(time: clock)
        try stage.pullAll(of: log, into: desk)
        try desk.close()
        clock.set(to: clock.start)
        desk = try stage.desk(time: clock)
        #expect(desk.status.clockLead < .seconds(-2_000_000_000))
        var files = 0
        for step in 0..<48 {
            try stage.publish(Int64(step + 5)..<Int64(step + 6), to: log)
            try stage.pullAll(of: log, into: desk)
            clock.pass(.seconds(3600))
            _ = try desk.commitIfDue()
            files += desk.takeClosedSegments().count
        }
        // 48 hours of monotonic time, a file an hour at half the pace.
        #expect((20...30).contains(files))
        try desk.close()
        #expect(try stage.positions() == Array(2..<53))
    }

    @Test("records that come while the clock of their host is off are marked, and are there")
    func host() async throws {
        let log = try await stage.log(records: 3)
        let desk = try stage.desk()
        try stage.pullAll(of: log, into: desk)
        for position in 5..<(15 as Int64) {
            try stage.publish(position..<(position + 1), to: log)
            let lead: Duration = position < 12 ? .seconds(-3600) : .seconds(20)
            try stage.pullAll(of: log, into: desk, clockLead: lead)
            stage.time.jump(by: .seconds(20))
            _ = try desk.commitIfDue()
        }
        try desk.close()
        #expect(try stage.positions() == Array(2..<15))
        let rows = try stage.ledger()
        let row = try #require(rows.first)
        #expect(rows.count == 1)
        #expect(row.kind == .clock && row.epoch == log.epoch && row.positions == 5..<12)
        #expect(row.cause == "the clock of its host is 3600 s behind the aggregator's")
        #expect(row.from < row.to)
    }

    @Test("samples that are dated wrongly are marked by feed and direction, late ones are not")
    func samples() async throws {
        let log = try await stage.log(records: 3)
        let late = stage.time.now
        stage.time.jump(by: .seconds(7200))
        // Comes late to the archive, and is dated as it was published.
        #expect(late < stage.time.now - .seconds(7000))
        for (position, offset) in zip(5..<(9 as Int64), [-3600, -40, 20, 90]) {
            try stage.publish(position..<(position + 1), dated: .seconds(offset), to: log)
        }
        let desk = try stage.desk()
        try stage.pullAll(of: log, into: desk)
        try desk.close()
        let rows = try stage.ledger().sorted { $0.from < $1.from }
        #expect(rows.map(\.kind) == [.clock, .clock])
        #expect(rows.map(\.count) == [2, 1])
        #expect(rows.map(\.feed) == ["positions", "positions"])
        #expect(
            rows.map(\.cause) == [
                "dated up to 3600 s before they were published",
                "dated up to 90 s after they were published",
            ]
        )
    }
}
