internal import AgentClient
internal import Archive
internal import Log
internal import MessageBus
internal import Telemetry

/// Pulls the log of one instance into the journal, in order, for as long as the instance is there.
///
/// It only carries questions and answers between the instance and the ``JournalDesk``, which
/// decides.
struct Puller: Sendable {
    let instance: String
    let client: SiteClient
    let time: any TimeSource
    /// Told of each answer, with how far the clock of the instance's host is ahead.
    let onAnswer: @Sendable (Duration) -> Void

    /// Pulls until the instance is away, which it tells, or the task is cancelled (nil).
    ///
    /// While the journal takes nothing it waits, and the agent keeps what it has. All of it runs on
    /// the keeper's thread: answers that come together wake nobody else.
    func run(on keeper: isolated JournalKeeper) async -> String? {
        keeper.beginPull(of: instance)
        let outcome = await pull(on: keeper)
        keeper.endPull(of: instance)
        return outcome
    }

    private func pull(on keeper: isolated JournalKeeper) async -> String? {
        while !Task.isCancelled {
            do {
                switch try await step(on: keeper) {
                case .atOnce: continue
                case .later, .overtaken:
                    let beat = time.nextBeat(every: AggregatorLimits.beat)
                    try await time.sleep(untilMonotonic: beat)
                case nil: try await time.sleep(for: AggregatorLimits.roomPeriod)
                }
            } catch is CancellationError {
                return nil
            } catch { return "\(error)" }
        }
        return nil
    }

    /// One question and its answer; nil where nothing can be taken now.
    private func step(on keeper: isolated JournalKeeper) async throws -> PullState.Next? {
        guard let request = keeper.request(of: instance) else { return nil }
        var arguments = request.value.map ?? [:]
        arguments["wait_ms"] = .int(AggregatorLimits.fetchWait.nanoseconds / 1_000_000)
        arguments["gather_ms"] = .int(AggregatorLimits.beat.nanoseconds / 1_000_000)
        let reply = try await client.request(
            instance,
            Action.fetch,
            .map(arguments),
            timeout: AggregatorLimits.fetchTimeout
        )
        guard reply.code == .ok else {
            throw ClientError.refused(code: reply.code, text: reply.text, result: reply.result)
        }
        guard let answer = FetchAnswer(reply.result) else {
            throw ClientError.malformed("\(instance), to a fetch,")
        }
        let lead = reply.clock - time.now
        onAnswer(lead)
        do {
            return try keeper.take(answer, to: request, of: instance, clockLead: lead)
        } catch is ArchiveError {
            // The keeper says what is wrong; it is asked for again when there is room.
            return nil
        }
    }
}
