internal import AgentClient
internal import Log
internal import MessageBus
internal import Telemetry

/// Pulls the log of one instance into the journal, in order, for as long as the instance is there.
///
/// It only carries questions and answers between the instance and the ``JournalDesk``, which
/// decides.
struct Puller: Sendable {
    /// What happened to the pull, for faults.
    enum Outcome: Sendable {
        /// The instance does not answer: it is tried again when the table shows it.
        case away(String)
        /// The journal takes nothing now; agents keep what they have.
        case stuck(String)
    }

    let instance: String
    let client: SiteClient
    let keeper: JournalKeeper
    let permits: Permits
    let time: any TimeSource

    /// Pulls until the instance is away, the journal refuses, or the task is cancelled (nil).
    func run() async -> Outcome? {
        await keeper.beginPull(of: instance)
        while !Task.isCancelled {
            do {
                switch try await step() {
                case .atOnce: continue
                case .later, .overtaken: try await time.sleep(for: AggregatorLimits.gathering)
                case nil: try await time.sleep(for: AggregatorLimits.roomPeriod)
                }
            } catch is CancellationError {
                return nil
            } catch let error as ClientError {
                return .away("\(error)")
            } catch { return .stuck("\(error)") }
        }
        return nil
    }

    /// One question and its answer; nil where nothing can be taken now.
    private func step() async throws -> PullState.Next? {
        guard let request = await keeper.request(of: instance) else { return nil }
        var arguments = request.value.map ?? [:]
        arguments["wait_ms"] = .int(AggregatorLimits.fetchWait.nanoseconds / 1_000_000)
        let result = try await client.result(
            instance,
            Action.fetch,
            .map(arguments),
            timeout: AggregatorLimits.fetchTimeout
        )
        guard let answer = FetchAnswer(result) else {
            throw ClientError.malformed("\(instance), to a fetch,")
        }
        return try await permits.holding {
            try await keeper.take(answer, to: request, of: instance)
        }
    }
}
