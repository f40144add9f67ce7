import CerroTesting
import Foundation

/// How long the tests under faults are, and the seed that everything by chance follows from.
///
/// The short form belongs to every run of the tests. `CERRO_FAULT_KILLS=200` asks for the long one
/// and `CERRO_FAULT_SEED` repeats a run: the same faults in the same order, though processes do
/// not meet them at the same instruction.
struct FaultForm {
    /// Processes that the driver kills.
    let kills: Int
    /// Whether more is asked for than belongs to every run of the tests.
    let isLong: Bool
    /// What is drawn by chance follows from it.
    let seed: UInt64

    /// The form that the environment asks for.
    static let current = FaultForm(ProcessInfo.processInfo.environment)

    init(_ environment: [String: String]) {
        let asked = environment["CERRO_FAULT_KILLS"].flatMap { Int($0) }
        kills = asked ?? 12
        isLong = asked != nil
        seed = environment["CERRO_FAULT_SEED"].flatMap { UInt64($0) } ?? .random(in: 1...999_999)
    }

    /// How to run it once more.
    var replay: String {
        let long = isLong ? "CERRO_FAULT_KILLS=\(kills) " : ""
        let again = "CERRO_FAULT_SEED=\(seed) \(long)deploy/test --filter FaultTests"
        return "seed \(seed); once more: \(again)"
    }

    /// Runs `body` with chance that follows from the seed; says the seed, and again if it fails.
    func run(
        _ name: String,
        _ body: (inout SeededGenerator) async throws -> Void
    ) async throws {
        print("\(name): \(replay)")
        var chance = SeededGenerator(seed: seed)
        do {
            try await body(&chance)
        } catch {
            throw NeverHappened(description: "\(name), \(replay)\n\(error)")
        }
    }
}
