import Foundation
import Synchronization
import Testing

// Goal: whatever dies in between and in whichever order, every archive gets every record once, and
// what it cannot get is in its ledger with the true cause.
// Method: a seed draws a site and a schedule of faults; all of it runs on one thread, with clocks,
// disks and a network that only the simulation moves. A failure prints the shortest schedule that
// still fails; `CERRO_SIMULATION_SEED=n` runs one again, `CERRO_SIMULATIONS=100000` many new ones.
@Suite("every record is in every archive once, or in its ledger")
struct SimulationTests {
    /// Those among ``NamedSeeds`` that have no name.
    static let known: [UInt64] = [
        83, 406, 552, 648, 818, 1008, 1086, 1104, 1164, 1165, 1175, 1275, 1374, 1613, 1739, 1923,
        2567, 409_063_581_881, 411_887_842_915, 932_563_685_920, 932_563_686_249, 1_005_876_233_524,
        1_059_596_204_862, 1_054_364_821_399, 908_269_219_065,
        908_269_219_096, 1_054_364_820_221, 854_352_338_569, 854_352_339_217, 368_076_031_205,
        854_352_337_721, 368_076_030_272, 854_352_338_177, 561_524_931_399, 561_524_931_682,
        561_524_932_724, 417_297_566_566, 3_225_453_057_076, 3_225_453_057_384, 3_225_453_057_480,
        3_225_453_057_488, 3_225_453_057_502, 2_547_818_322_873, 2_547_818_322_897,
        2_547_818_322_937, 2_547_818_322_955, 2_547_818_323_053, 2_936_291_813_336,
        975_389_118_298, 975_389_118_612, 975_389_119_658, 3_174_412_374_025, 3_174_412_374_631,
        2_936_291_813_504, 2_936_291_813_564, 2_936_291_813_840, 2_936_291_814_024,
    ]
    /// Seeds that are run each time beside them, from 1 on: seconds of a debug build.
    private static let usualCount: UInt64 = 40
    /// Failures after which there is no use in more.
    fileprivate static let mostFailures = 5

    private var seeds: [UInt64] {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["CERRO_SIMULATION_SEED"].flatMap({ UInt64($0) }) {
            return [seed]
        }
        guard let count = environment["CERRO_SIMULATIONS"].flatMap({ UInt64($0) }) else {
            let rotting = (1...Self.usualCount).map { Schedule.rotting + $0 }
            return Self.known + NamedSeeds.all.map(\.seed) + Array(1...Self.usualCount) + rotting
        }
        // Every other one has files that rot.
        let first = UInt64.random(in: 0..<1 << 40)
        return (0..<count).map { first + $0 + ($0 % 2) * Schedule.rotting }
    }

    @Test("under schedules of faults that a seed draws")
    func schedules() async {
        let start = ContinuousClock.now
        let queue = SeedQueue(seeds)
        await withTaskGroup { group in
            for _ in 0..<ProcessInfo.processInfo.activeProcessorCount {
                group.addTask { await queue.run() }
            }
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let speed = Int(Double(queue.count) / max(seconds, 0.001))
        print("\(queue.count) schedules, \(speed) a second")
        for seed in queue.failing { Issue.record("\(await report(seed))") }
    }

    @Test("the same seed gives the same run")
    func replay() async {
        for seed in Self.known.prefix(5) {
            let runs = (0..<2).map { _ in Simulation(Schedule(seed: seed)) }
            for run in runs { _ = await run.run() }
            #expect(runs[0].trace == runs[1].trace, "seed \(seed)")
            #expect(!runs[0].trace.isEmpty)
        }
    }

    /// The shortest schedule that fails as that of `seed` does, and what happens in it.
    private func report(_ seed: UInt64) async -> String {
        let shortest = await Schedule(seed: seed).shrunk { await !Simulation($0).run().isEmpty }
        let simulation = Simulation(shortest)
        let problems = await simulation.run()
        let shows = NamedSeeds.all.filter { $0.seed == seed }.map(\.shows)
        let told = problems.prefix(Self.mostFailures) + [shortest.description, simulation.notes]
        return (shows + told).joined(separator: "\n")
    }
}

/// Seeds that several threads run, each a simulation of its own.
private final class SeedQueue: Sendable {
    private struct State {
        var count = 0
        var failing: [UInt64] = []
    }

    private let seeds: [UInt64]
    private let state = Mutex(State())

    init(_ seeds: [UInt64]) {
        self.seeds = seeds
    }

    /// How many have run, and those that failed.
    var count: Int { state.withLock(\.count) }
    var failing: [UInt64] { state.withLock { $0.failing.sorted() } }

    /// Runs one after the other until there is none left, or too many have failed.
    func run() async {
        while let seed = next() {
            let problems = await Simulation(Schedule(seed: seed)).run()
            if !problems.isEmpty { state.withLock { $0.failing.append(seed) } }
        }
    }

    private func next() -> UInt64? {
        state.withLock { state in
            guard state.count < seeds.count, state.failing.count < SimulationTests.mostFailures
            else { return nil }
            state.count += 1
            return seeds[state.count - 1]
        }
    }
}
