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
    let keeper: JournalKeeper
    let permits: Permits
    let time: any TimeSource
    /// Told of each answer, with how far the clock of the instance's host is ahead.
    let onAnswer: @Sendable (Duration) -> Void

    /// Pulls until the instance is away, which it tells, or the task is cancelled (nil).
    ///
    /// While the journal takes nothing it waits, and the agent keeps what it has.
    func run() async -> String? {
        await keeper.beginPull(of: instance)
        let outcome = await pull()
        await keeper.endPull(of: instance)
        return outcome
    }

    private func pull() async -> String? {
        while !Task.isCancelled {
            do {
                switch try await step() {
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
    private func step() async throws -> PullState.Next? {
        guard let request = await keeper.request(of: instance) else { return nil }
        var arguments = request.value.map ?? [:]
        arguments["wait_ms"] = .int(AggregatorLimits.fetchWait.nanoseconds / 1_000_000)
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
        return try await permits.holding {
            do {
                return try await keeper.take(answer, to: request, of: instance, clockLead: lead)
            } catch is ArchiveError {
                // The keeper says what is wrong; it is asked for again when there is room.
                return nil
            }
        }
    }
}
