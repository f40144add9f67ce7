internal import ArchiveFormat
public import Telemetry

extension AgentLog {
    /// Declares a feed and returns the number of its declaration, from 1 on, within this epoch.
    ///
    /// The same declaration again keeps its number; another one of that name gets the next. Every
    /// segment begins with all declarations, so that a record is never without its own.
    public func declare(_ feed: Feed) async throws(LogError) -> Int64 {
        do throws(TelemetryError) {
            try feed.check()
        } catch {
            throw .badDeclaration(error)
        }
        var revision = 0
        let now = time.now
        let outcome = await accept { state in
            if let known = state.revision(of: feed) {
                revision = known
                return .accepted(.written)
            }
            guard state.declared.count < Limits.declarations else {
                return .refused(
                    .tooManyDeclarations(feed: feed.name, limit: Limits.declarations)
                )
            }
            guard state.hasRoom else { return .full }
            revision = state.declared.count + 1
            state.encode(.declaration(feed, revision: revision), published: now)
            state.declared.append(feed)
            state.feedNames.append(feed.name)
            state.revisions[feed.name, default: []].append(revision)
            return .accepted(.written)
        }
        if let outcome { throw outcome }
        return Int64(revision)
    }

    /// Appends one record a block and returns when the log's thread has written them (for a
    /// durable feed: synced them).
    ///
    /// Positions follow each other in the order in which appenders come. While the disk refuses to
    /// be written this returns as soon as the records are in memory, for durable feeds as well: an
    /// operator has to be able to stop an instrument whose disk is full.
    ///
    /// - Parameters:
    ///   - feed: a feed as it was declared.
    ///   - blocks: blocks as `Block.checked(for:)` returned them; one that does not fit its feed
    ///     is unreadable for ever.
    /// - Throws: ``LogError``; nothing is kept of blocks that are refused as too long or
    ///   undeclared. When memory is full the blocks before the one that did not fit are kept.
    public func append(_ feed: Feed, _ blocks: [Block]) async throws(LogError) {
        for block in blocks {
            guard let size = block.recordSizeIfPossible else {
                throw .tooLong(feed: feed.name, .tooLong(byteCount: Record.longest + 1))
            }
            guard size <= Record.longest else {
                throw .tooLong(feed: feed.name, .tooLong(byteCount: size))
            }
        }
        guard !blocks.isEmpty else { return }
        let now = time.now
        let goal = feed.isDurable ? AppendWaiter.Goal.synced : .written
        var next = 0
        let error = await accept { state in
            guard let revision = state.revision(of: feed) else {
                return .refused(.notDeclared(feed: feed.name))
            }
            while next < blocks.count, state.hasRoom {
                state.encode(.blocks([blocks[next]], revision: revision), published: now)
                next += 1
            }
            return next == blocks.count ? .accepted(goal) : .full
        }
        if let error { throw error }
    }

    /// Returns when all that was appended before is written and synced.
    ///
    /// - Throws: ``LogError/disk(_:)`` when the disk refuses; a disk that failed is tried again
    ///   now.
    public func sync() async throws(LogError) {
        let error = await accept { state in
            state.isForced = true
            return .accepted(.syncedOrFailed)
        }
        if let error { throw error }
    }

    /// What came of an attempt to encode records.
    private enum Acceptance {
        case accepted(AppendWaiter.Goal)
        case full
        case refused(LogError)
    }

    /// Calls `encode` under the lock until it has encoded everything, and waits for the disk.
    private func accept(
        _ encode: (inout LogState) -> Acceptance
    ) async -> LogError? {
        while true {
            let outcome = await withCheckedContinuation { continuation in
                let wakes = state.withLock { state in
                    self.register(continuation, &state, encode)
                }
                if wakes { wakeup.give() }
            }
            switch outcome {
            case .done: return nil
            case .retry: continue
            case .failed(let error): return error
            }
        }
    }

    /// Whether the thread has to be woken.
    private func register(
        _ continuation: CheckedContinuation<AppendWaiter.Outcome, Never>,
        _ state: inout LogState,
        _ encode: (inout LogState) -> Acceptance
    ) -> Bool {
        guard !state.isClosing else {
            continuation.resume(returning: .failed(.closed))
            return false
        }
        let before = state.accepted
        switch encode(&state) {
        case .refused(let error):
            continuation.resume(returning: .failed(error))
        case .full:
            if let failure = state.failure {
                continuation.resume(
                    returning: .failed(
                        .memoryFull(
                            folder: folder,
                            byteCount: state.queueBytes,
                            reason: "\(failure)"
                        )
                    )
                )
            } else {
                state.spaceWaiters.append(continuation)
            }
        case .accepted(let goal):
            let isThere = goal == .written ? state.written : state.synced
            if goal != .syncedOrFailed, state.accepted <= isThere || state.failure != nil {
                continuation.resume(returning: .done)
            } else {
                state.waiters.append(
                    AppendWaiter(
                        ordinal: state.accepted,
                        goal: goal,
                        continuation: continuation
                    )
                )
            }
        }
        if state.failure != nil, state.accepted > before { state.resumeRecordWaiters() }
        defer { state.isThreadIdle = false }
        return state.isThreadIdle
    }
}

extension Block {
    /// The most bytes that a record with the block can have; nil where a decoder would refuse it
    /// because of its many texts.
    fileprivate var recordSizeIfPossible: Int? {
        var size = 96 + 8 * timestamps.count
        var texts = 0
        for column in columns {
            size += 16 + (column.presence == nil ? 0 : column.count / 8 + 6)
            switch column.values {
            case .doubles, .ints: size += 8 * column.count
            case .bools: size += column.count
            case .strings(let values):
                texts += values.count
                size += values.reduce(8) { $0 + 5 + $1.utf8.count }
            }
        }
        return texts + 4 * columns.count + 16 <= 1 << 20 ? size : nil
    }
}
