import CerroTesting
import Telemetry
import Testing

@Suite("What tests under faults compare with")
struct NumberedRunsTests {
    /// Two starts of a source, at 0 and 100; the second one is over.
    private var runs: NumberedRuns {
        var runs = NumberedRuns(["fake-1"])
        runs.note("fake-1", accepted: 3)
        runs.begin("fake-1", at: Timestamp(nanoseconds: 100))
        runs.note("fake-1", accepted: 2, isExact: true)
        return runs
    }

    private func problem(_ first: [Int64], _ second: [Int64]) -> String? {
        let samples = [first, second].enumerated().flatMap { start, numbers in
            numbers.enumerated().map { place, number in
                ProcessSite.Numbered(instant: Int64(start * 100 + place), number: number)
            }
        }
        return runs.problem("fake-1", samples)
    }

    // Goal: the tests under faults are worth what this comparison finds.
    @Test("all that was accepted, and what a start accepted unheard after that, is no problem")
    func complete() {
        #expect(problem([1, 2, 3], [1, 2]) == nil)
        #expect(problem([1, 2, 3, 4, 5], [1, 2]) == nil)
    }

    @Test(
        "what is missing, doubled, in another order or too much is found, at start, middle and end",
        arguments: [
            ([2, 3, 4], [1, 2]), ([1, 3, 4], [1, 2]), ([1, 2], [1, 2]), ([], [1, 2]),
            ([1, 1, 2, 3], [1, 2]), ([1, 2, 2, 3], [1, 2]), ([1, 2, 3, 3], [1, 2]),
            ([1, 3, 2], [1, 2]), ([1, 2, 3], [1]), ([1, 2, 3], []), ([1, 2, 3], [2, 3]),
            ([1, 2, 3], [1, 2, 3]), ([1, 2, 3, 1, 2], []), ([0, 1, 2, 3], [1, 2]),
        ] as [([Int64], [Int64])]
    )
    func incomplete(first: [Int64], second: [Int64]) {
        #expect(problem(first, second) != nil)
    }
}
