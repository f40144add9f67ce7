internal import AgentRuntime
internal import Synchronization

/// What keeps the process `serve` from its job: it is degraded while there is anything, and says
/// healthy once the archive was read.
final class ReaderHealth: Sendable {
    /// What can fail by itself.
    enum Part: CaseIterable { case archive, http }

    private struct Reasons: Error, CustomStringConvertible {
        let description: String
    }

    private let session: OperationSession
    /// Nil where a part fares well; HTTP does unless it is heard of, the archive has to be read.
    private let reasons = Mutex<[Part: String?]>([.http: nil])

    init(_ session: OperationSession) {
        self.session = session
    }

    /// Notes how a part fares; nothing is said again as long as that stays so.
    func note(_ error: (any Error)?, of part: Part) {
        let reason = error.map { "\($0)" }
        reasons.withLock { reasons in
            if let known = reasons[part], known == reason { return }
            reasons.updateValue(reason, forKey: part)
            let all = Part.allCases.compactMap { reasons[$0] ?? nil }
            if !all.isEmpty {
                session.markDegraded(because: Reasons(description: all.joined(separator: "; ")))
            } else if reasons[.archive] != nil {
                session.markHealthy()
            }
        }
    }
}
