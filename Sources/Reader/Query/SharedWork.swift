internal import Synchronization

/// Questions of one kind that are under way: equal ones share one answer, and one for which nobody
/// waits any more is stopped.
///
/// States of a question: unknown → under way, with one asker or more → unknown, when it is answered
/// or the last asker has gone. An asker is resumed exactly once, by whoever takes it out.
final class SharedWork<Question: Hashable & Sendable, Answer: Sendable>: Sendable {
    private typealias Asker = CheckedContinuation<Result<Answer, QueryError>, Never>

    private struct Job {
        let stop = StopSign()
        var askers: [Int: Asker] = [:]
    }

    private struct State {
        var jobs: [Question: Job] = [:]
        var lastAsker = 0
    }

    private let state = Mutex(State())

    /// The answer to `question`: of the work under way, or of `body` on a thread of `pool`.
    ///
    /// - Throws: ``QueryError/stopped`` if the task is cancelled or the connection on which it was
    ///   asked is closed, and what the work throws.
    func answer(
        _ question: Question,
        on pool: WorkPool,
        _ body: @escaping @Sendable (Deadline) throws(QueryError) -> Answer
    ) async throws(QueryError) -> Answer {
        let number = state.withLock { state in
            state.lastAsker += 1
            return state.lastAsker
        }
        let connection = ConnectionState.current
        connection?.whenClosed { [weak self] in self?.leave(question, number) }
        defer { connection?.forget() }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { asker in
                if let stop = join(question, asker, number) { begin(question, stop, pool, body) }
                // Cancelled before it had joined: then nobody was there to be taken out.
                if Task.isCancelled || connection?.isClosed == true { leave(question, number) }
            }
        } onCancel: {
            leave(question, number)
        }
        return try result.get()
    }

    /// How many wait for the answer to `question`.
    func askers(of question: Question) -> Int {
        state.withLock { $0.jobs[question]?.askers.count ?? 0 }
    }

    /// Adds an asker; returns the sign of the job if it is new.
    private func join(_ question: Question, _ asker: Asker, _ number: Int) -> StopSign? {
        state.withLock { state in
            let known = state.jobs[question]
            var job = known ?? Job()
            job.askers[number] = asker
            state.jobs[question] = job
            return known == nil ? job.stop : nil
        }
    }

    /// Takes out one asker, and stops the work if it was the last.
    private func leave(_ question: Question, _ number: Int) {
        let asker = state.withLock { state -> Asker? in
            let asker = state.jobs[question]?.askers.removeValue(forKey: number)
            if asker != nil, state.jobs[question]?.askers.isEmpty == true {
                state.jobs.removeValue(forKey: question)?.stop.set()
            }
            return asker
        }
        asker?.resume(returning: .failure(.stopped))
    }

    private func begin(
        _ question: Question,
        _ stop: StopSign,
        _ pool: WorkPool,
        _ body: @escaping @Sendable (Deadline) throws(QueryError) -> Answer
    ) {
        pool.submit(stop: stop, body) { result in
            let askers = self.state.withLock { state -> [Asker] in
                // Given up, and perhaps asked again since: that is another job.
                guard let job = state.jobs[question], job.stop === stop else { return [] }
                state.jobs[question] = nil
                return Array(job.askers.values)
            }
            for asker in askers { asker.resume(returning: result) }
        }
    }
}
