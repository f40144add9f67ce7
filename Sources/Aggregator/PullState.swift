internal import Log
internal import Archive
internal import ArchiveFormat
internal import Telemetry

/// Where the pull of one instance is, and what follows from each answer.
///
/// Answers may come twice, late, or in another order than they were asked for: one counts only if
/// its request began where the pull is now. So an answer that was overtaken changes nothing, and
/// what it brings is asked for again from where the journal ends. Behind that the journal has the
/// last word: of each epoch it takes only what lies beyond its own cursor.
package struct PullState: Sendable {
    /// When to ask again.
    package enum Next: Hashable, Sendable {
        /// At once: there is more.
        case atOnce
        /// After a while, in which some more may gather.
        case later
        /// The answer was overtaken and nothing of it was taken.
        case overtaken
    }

    private let instance: String
    private var epoch: Int64 = 0, after: Int64 = 0
    private var crc: UInt32 = 0
    /// Whether the last answer said that there is no more now.
    private(set) var isCaughtUp = false

    /// A pull that goes on where the journal ends.
    init(of instance: String, into desk: JournalDesk) {
        self.instance = instance
        go(to: desk.cursor(of: instance))
    }

    /// What to ask for.
    func request(for desk: JournalDesk, maxBytes: Int) -> FetchRequest {
        // A log whose disk was rolled back may have begun epochs that are older than the newest
        // one here: what is here of that says nothing of them.
        let committed = desk.committed(instance, upTo: epoch)
        return FetchRequest(
            archive: desk.archive,
            epoch: epoch,
            after: after,
            crc: crc,
            committedEpoch: committed?.epoch ?? 0,
            committedPosition: committed?.position ?? 0,
            maxBytes: maxBytes
        )
    }

    /// Puts what is new in an answer into the journal and moves on.
    ///
    /// - Throws: why the journal takes nothing; then nothing was taken, and the pull stays.
    mutating func take(
        _ answer: FetchAnswer,
        to request: FetchRequest,
        clockLead: Duration,
        into desk: JournalDesk
    ) throws(ArchiveError) -> Next {
        guard request.archive == desk.archive, request.epoch == epoch, request.after == after,
            epoch == 0 || answer.epoch == epoch, answer.isPlausible
        else { return .overtaken }
        if answer.count > 0 || !answer.losses.isEmpty {
            try desk.append(answer, of: instance, clockLead: clockLead)
        }
        let before = epoch
        isCaughtUp = false
        go(to: desk.cursor(of: instance, epoch: answer.epoch), or: answer.epoch)
        switch answer.state {
        case .more: return .atOnce
        case .caughtUp:
            isCaughtUp = true
            return answer.frames.count >= AggregatorLimits.littleBatch ? .atOnce : .later
        case .finished(let next?), .gone(let next):
            if before > 0 || answer.count > 0 { desk.finish(instance, epoch: answer.epoch) }
            go(to: desk.cursor(of: instance, epoch: next), or: next)
            return .atOnce
        case .finished: return .later
        case .diverged(let next):
            desk.endDiverged(instance, epoch: answer.epoch, at: request.after)
            go(to: desk.cursor(of: instance, epoch: next), or: next)
            return .atOnce
        }
    }

    /// Notes that nothing can be asked for now: more may wait than is known.
    mutating func pause() { isCaughtUp = false }

    private mutating func go(to cursor: Cursor?, or epoch: Int64 = 0) {
        self.epoch = cursor?.epoch ?? epoch
        after = cursor?.position ?? 0
        crc = cursor?.crc ?? 0
    }
}

extension FetchAnswer {
    /// Whether its numbers can be those of records: they come from another process.
    fileprivate var isPlausible: Bool {
        let isRange = count == 0 || first > 0 && first <= .max - count
        // A frame has a header and at least one byte.
        let mostFrames = Int64(frames.count / (Frame.headerLength + 1))
        return isRange && (0...mostFrames).contains(count)
            && losses.allSatisfy { loss in
                let first = loss.first ?? 1
                return first > 0 && (0...(.max - first)).contains(loss.count ?? 0)
            }
    }
}
