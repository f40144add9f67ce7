import CerroTesting
import Testing

@testable import CerroCommand

// Goal: the rules by which a manager starts and stops an instance.
// Method: what happens goes in at times that the test says; no process, no clock.
@Suite("the life of an instance under a manager")
struct InstanceLifeTests {
    private func seconds(_ number: Double) -> Duration { .seconds(number) }

    /// One that runs since 0 s.
    private func running() -> InstanceLife {
        var life = InstanceLife()
        #expect(life.want(true) == .start)
        life.started(at: .zero)
        return life
    }

    @Test("one that ends by itself is started again after 1, 2, 4 s, and never twice")
    func backoff() {
        var life = running()
        var now = seconds(1)
        for pause in [1.0, 2, 4] {
            #expect(life.ended(.signal(9), at: now, chance: 0.5) == nil)
            #expect(life.phase == .waiting)
            #expect(life.due(at: now + seconds(pause) - .milliseconds(1)) == nil)
            now += seconds(pause)
            #expect(life.due(at: now) == .start)
            #expect(life.due(at: now) == nil)
            life.started(at: now)
        }
        #expect(life.failures == 3)
    }

    @Test("a steady run forgives what was before")
    func steady() {
        var life = running()
        for _ in 0..<5 {
            _ = life.ended(.code(7), at: seconds(1), chance: 0.5)
            _ = life.due(at: seconds(100))
            life.started(at: seconds(100))
        }
        #expect(life.failures == 5)
        #expect(life.due(at: seconds(100) + Limits.steadyRun) == nil)
        #expect(life.failures == 0 && life.deadline == nil)
        _ = life.ended(.code(7), at: seconds(200), chance: 0.5)
        #expect(life.deadline == seconds(201))
    }

    @Test("one that is told to stop stays down whatever it ends with")
    func stop() {
        for end in [ChildProcess.End.code(0), .code(1), .signal(9), .unknown] {
            var life = running()
            #expect(life.want(false) == .stop)
            #expect(life.want(false) == nil)
            #expect(life.ended(end, at: seconds(5), chance: 0.5) == nil)
            #expect(life.phase == .down && life.deadline == nil && life.failures == 0)
        }
    }

    @Test("one that is wanted again while it stops is started when it has")
    func stopAndStart() {
        var life = running()
        #expect(life.want(false) == .stop)
        #expect(life.want(true) == nil)
        #expect(life.ended(.code(0), at: seconds(5), chance: 0.5) == .start)
    }

    @Test("one that is restarted is started at once when it has ended, or at once")
    func restart() {
        var life = running()
        #expect(life.restart() == .stop)
        #expect(life.restart() == nil)
        #expect(life.ended(.code(0), at: seconds(5), chance: 0.5) == .start)
        var other = InstanceLife()
        #expect(other.restart() == .start)
    }

    @Test("wrong settings are not tried again until somebody asks")
    func failed() {
        var life = running()
        #expect(life.ended(.code(2), at: seconds(1), chance: 0.5) == nil)
        #expect(life.phase == .failed && life.deadline == nil)
        #expect(life.want(true) == .start)
    }

    @Test("one that cannot be started is tried again, and given up when nobody wants it")
    func unstartable() {
        var life = InstanceLife()
        _ = life.want(true)
        life.notStarted(at: .zero, chance: 0.5)
        #expect(life.phase == .waiting && life.deadline == seconds(1) && life.failures == 1)
        #expect(life.due(at: seconds(1)) == .start)
        life.notStarted(at: seconds(1), chance: 0.5)
        #expect(life.want(false) == nil)
        #expect(life.phase == .down && life.due(at: seconds(100)) == nil)
    }

    @Test("somebody who starts it does not wait for the end of a pause")
    func impatient() {
        var life = running()
        _ = life.ended(.code(7), at: seconds(1), chance: 0.5)
        #expect(life.want(true) == .start)
    }

    // Method: random events in random order; after each, what must hold always.
    @Test("whatever happens, there is one process at most and none that nobody wants for long")
    func invariants() {
        var generator = SeededGenerator(seed: 7)
        var life = InstanceLife()
        var processes = 0
        var now = Duration.zero
        func carryOut(_ step: InstanceLife.Step?) {
            switch step {
            case .start:
                #expect(processes == 0)
                if Bool.random(using: &generator) {
                    processes += 1
                    life.started(at: now)
                } else {
                    life.notStarted(at: now, chance: 0.5)
                }
            case .stop: #expect(processes == 1)
            case nil: break
            }
        }
        for _ in 0..<20_000 {
            now += .milliseconds(Int.random(in: 0...3_000, using: &generator))
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: carryOut(life.want(Bool.random(using: &generator)))
            case 1: carryOut(life.restart())
            case 2 where processes == 1:
                processes = 0
                let ends: [ChildProcess.End] = [.code(0), .code(2), .signal(9), .unknown]
                let end = ends[Int.random(in: 0..<4, using: &generator)]
                carryOut(life.ended(end, at: now, chance: 0.5))
            default: carryOut(life.due(at: now))
            }
            #expect((processes == 1) == [.running, .stopping].contains(life.phase))
            #expect(life.isWanted || ![.running, .waiting].contains(life.phase))
        }
    }
}
