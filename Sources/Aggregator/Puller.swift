internal import AgentClient
internal import ArchiveFormat
internal import Log
internal import MessageBus
internal import Telemetry

/// Pulls the log of one instance into the journal, in order, for as long as the instance is there.
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
        var position = Position(await keeper.cursor(of: instance))
        while !Task.isCancelled {
            let step: Step
            do { step = try await fetch(position) } catch is CancellationError {
                return nil
            } catch let error as ClientError {
                return .away("\(error)")
            } catch { return .stuck("\(error)") }
            position = step.position
            guard !step.isPlenty else { continue }
            do { try await time.sleep(for: AggregatorLimits.gathering) } catch { return nil }
        }
        return nil
    }

    /// Where the pull is.
    private struct Position {
        var epoch: Int64 = 0, after: Int64 = 0
        var crc: UInt32 = 0

        init(_ cursor: Cursor?) {
            guard let cursor else { return }
            epoch = cursor.epoch
            after = cursor.position
            crc = cursor.crc
        }

        init(epoch: Int64) {
            self.epoch = epoch
        }
    }

    private struct Step {
        let position: Position
        /// Whether the next fetch should follow at once.
        let isPlenty: Bool
    }

    private func fetch(_ position: Position) async throws -> Step {
        let committed = await keeper.committed(instance)
        let request = FetchRequest(
            archive: keeper.archive,
            epoch: position.epoch,
            after: position.after,
            crc: position.crc,
            committedEpoch: committed?.epoch ?? 0,
            committedPosition: committed?.position ?? 0,
            maxBytes: Int(AggregatorLimits.batchBytes)
        )
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
        if answer.count > 0 || !answer.losses.isEmpty {
            try await permits.holding { try await keeper.append(answer, of: instance) }
        }
        return try await next(after: answer, from: position)
    }

    private func next(after answer: FetchAnswer, from position: Position) async throws -> Step {
        var following = position
        if answer.count > 0 {
            following = Position(await keeper.cursor(of: instance))
        } else if position.epoch == 0 {
            following.epoch = answer.epoch
        }
        let isLong = answer.frames.count >= AggregatorLimits.littleBatch
        switch answer.state {
        case .more: return Step(position: following, isPlenty: true)
        case .caughtUp: return Step(position: following, isPlenty: isLong)
        case .finished(let next?), .gone(let next):
            if position.epoch > 0 { await keeper.finish(instance, epoch: following.epoch) }
            return Step(position: Position(epoch: next), isPlenty: true)
        case .finished: return Step(position: following, isPlenty: false)
        case .diverged(let next):
            await keeper.finish(
                instance,
                epoch: position.epoch,
                loss: LedgerEntry(
                    instance: instance,
                    feed: nil,
                    from: time.now,
                    to: time.now,
                    count: nil,
                    cause: "the disk of the instance was rolled back: epoch \(position.epoch) "
                        + "ends at position \(position.after) here"
                )
            )
            return Step(position: Position(epoch: next), isPlenty: true)
        }
    }
}
