internal import Synchronization

/// The values that an answer may still have, while several threads read parts of it.
///
/// Each part may be as long as what was left when it was begun; whether all of them fit does not
/// hang on their order.
final class Allowance: Sendable {
    private let left: Atomic<Int>

    init(_ values: Int) {
        left = Atomic(values)
    }

    /// How many are left, 0 or more.
    var values: Int { max(0, left.load(ordering: .relaxed)) }

    /// Takes some of them; false if there were less.
    func take(_ values: Int) -> Bool {
        left.subtract(values, ordering: .relaxed).newValue >= 0
    }
}
