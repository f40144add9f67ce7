internal import Synchronization
internal import Telemetry

/// Counts what was asked and how it went, since the reader began.
final class QueryCounters: Sendable {
    /// What kind of query it is.
    enum Kind: String, CaseIterable {
        case fields, data, gaps, completeness, promql, status
    }

    /// What is known of one kind.
    struct Count: Sendable {
        var answered = 0, refused = 0, failed = 0
        /// The time of all of them together, waiting included.
        var time = Duration.zero

        var all: Int { answered + refused + failed }
    }

    private let state = Mutex<[Kind: Count]>([:])
    private let bytes = Atomic(0)

    /// The queries of each kind.
    var counts: [(kind: Kind, count: Count)] {
        state.withLock { counts in Kind.allCases.map { ($0, counts[$0] ?? Count()) } }
    }

    /// Bytes of answers over HTTP.
    var sentBytes: Int { bytes.load(ordering: .relaxed) }

    func count(_ kind: Kind, _ error: QueryError?, _ time: Duration) {
        state.withLock { counts in
            counts[kind, default: Count()].time += time
            switch error {
            case nil: counts[kind, default: Count()].answered += 1
            case .busy: counts[kind, default: Count()].refused += 1
            default: counts[kind, default: Count()].failed += 1
            }
        }
    }

    func sent(_ count: Int) { bytes.add(count, ordering: .relaxed) }
}
