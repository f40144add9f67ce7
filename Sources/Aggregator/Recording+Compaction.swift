internal import AgentRuntime
internal import Archive
internal import Telemetry

extension Recording {
    /// Compacts one day after the other, while nothing waits for it.
    func compact() async {
        guard let compaction else { return }
        for await _ in session.ticks(every: AggregatorLimits.compactionPeriod) {
            do {
                let day = try await withTaskCancellationHandler {
                    try await compaction.compactNext()
                } onCancel: {
                    compaction.stop()
                }
                if let day { session.log(day.sentence) }
                let refusals = await compaction.refusals
                guard let newest = refusals.first else {
                    session.clear("compaction.failed")
                    continue
                }
                let days = refusals.count == 1 ? "1 day stays" : "\(refusals.count) days stay"
                session.raise(
                    "compaction.failed",
                    .warning,
                    "\(days) as they were, nothing is lost: \(newest.sentence)"
                )
            } catch {
                session.raise("compaction.failed", .warning, "no day can be compacted: \(error)")
            }
        }
    }
}

extension CompactedDay {
    /// What became of the day, for people.
    fileprivate var sentence: String {
        switch outcome {
        case .asItWas: return "\(day): as it was"
        case .wouldBeCompacted(let sources): return "\(day): \(sources) files would become one"
        case .waits(let reason), .refused(let reason): return "\(day): \(reason)"
        case .compacted(let file, let sources):
            let rows = removed.reduce(0) { $0 + ($1.count ?? 0) }
            let gone = rows == 0 ? "" : "; retention removed \(rows) rows"
            let files = sources == 1 ? "1 file" : "\(sources) files"
            return "\(day): \(files) became \(file), \(bytesBefore) bytes \(bytesAfter)\(gone)"
        }
    }
}
