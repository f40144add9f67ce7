internal import ArchiveFormat
internal import Glibc
public import Telemetry

extension AgentLog {
    /// Declares a feed and returns the number of its declaration, from 1 on, within this epoch.
    ///
    /// The same declaration again keeps its number; another one of that name gets the next. Every
    /// segment begins with all declarations, so that a record is never without its own.
    public func declare(_ feed: Feed) async throws(LogError) -> Int64 {
        try Self.check(feed)
        var revision: Int64 = 0
        let now = time.now
        let error = await accept { state in state.declare(feed, now, &revision) }
        if let error { throw error }
        return revision
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
    ///   - atOnce: whether the caller's thread may write; it blocks while the disk does.
    /// - Throws: ``LogError``; nothing is kept of blocks that are refused as too long or
    ///   undeclared. When memory is full the blocks before the one that did not fit are kept.
    public func append(
        _ feed: Feed,
        _ blocks: [Block],
        atOnce: Bool = false
    ) async throws(LogError) {
        for block in blocks { try Self.check(block, feed) }
        guard !blocks.isEmpty else { return }
        let now = time.now
        var rest = blocks[...]
        let error = await accept(atOnce: atOnce && Self.sparesThread) { state in
            state.take(&rest, of: feed, now)
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

    static func check(_ feed: Feed) throws(LogError) {
        do throws(TelemetryError) {
            try feed.check()
        } catch {
            throw .badDeclaration(error)
        }
    }

    static func check(_ block: Block, _ feed: Feed) throws(LogError) {
        let size = block.recordSizeIfPossible ?? Record.longest + 1
        guard size <= Record.longest else {
            throw .tooLong(feed: feed.name, .tooLong(byteCount: size))
        }
    }

    /// Whether tasks still run while a disk holds up one of their threads.
    private static let sparesThread = sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1

    /// Calls `encode` under the lock until it has encoded everything, and waits for the disk.
    private func accept(
        atOnce: Bool = false,
        _ encode: (inout LogState) -> Acceptance
    ) async -> LogError? {
        while true {
            let outcome = await withCheckedContinuation { continuation in
                let wakes = state.withLock { state in
                    state.register(continuation, state.attempt(self, encode))
                    return state.wakesThread()
                }
                if wakes, !atOnce || writer.withLockIfFree({ $0?.writeAtOnce() }) != true {
                    wakeup.give()
                }
            }
            switch outcome {
            case .done: return nil
            case .retry: continue
            case .failed(let error): return error
            }
        }
    }
}

/// What came of an attempt to encode records.
enum Acceptance {
    case accepted(AppendWaiter.Goal)
    case full
    case refused(LogError)
}

extension LogState {
    /// Calls `encode` where the log still takes records, and notes what has to happen with them.
    mutating func attempt(
        _ log: AgentLog,
        _ encode: (inout LogState) -> Acceptance
    ) -> Acceptance {
        guard !isClosing else { return .refused(.closed) }
        let before = accepted
        let outcome = encode(&self)
        if failure != nil, accepted > before { resumeRecordWaiters() }
        switch outcome {
        case .full:
            guard let failure else { return .full }
            return .refused(
                .memoryFull(folder: log.folder, byteCount: queueBytes, reason: "\(failure)")
            )
        case .accepted(let goal):
            if goal != .written { syncGoal = accepted }
            return outcome
        case .refused: return outcome
        }
    }

    /// Resumes an appender at once, or when what was accepted is where it has to be.
    fileprivate mutating func register(
        _ continuation: CheckedContinuation<AppendWaiter.Outcome, Never>,
        _ outcome: Acceptance
    ) {
        switch outcome {
        case .refused(let error): continuation.resume(returning: .failed(error))
        case .full: spaceWaiters.append(continuation)
        case .accepted(let goal):
            let isThere = failure != nil ? noted : goal == .written ? written : synced
            if goal != .syncedOrFailed, accepted <= isThere {
                continuation.resume(returning: .done)
            } else {
                waiters.append(
                    AppendWaiter(ordinal: accepted, goal: goal, continuation: continuation)
                )
            }
        }
    }

    /// Whether the thread has to be woken; it counts as awake from now on.
    mutating func wakesThread() -> Bool {
        defer { isThreadIdle = false }
        return isThreadIdle
    }

    /// Declares a feed; `revision` becomes the number of its declaration.
    mutating func declare(
        _ feed: Feed,
        _ now: Timestamp,
        _ revision: inout Int64
    ) -> Acceptance {
        if let known = self.revision(of: feed) {
            revision = Int64(known)
            return .accepted(.written)
        }
        guard declared.count < Limits.declarations else {
            return .refused(.tooManyDeclarations(feed: feed.name, limit: Limits.declarations))
        }
        guard hasRoom else { return .full }
        let number = declared.count + 1
        revision = Int64(number)
        encode(.declaration(feed, revision: number), published: now)
        declared.append(feed)
        feedNames.append(feed.name)
        revisions[feed.name, default: []].append(number)
        return .accepted(.written)
    }

    /// Encodes as many of `blocks` as there is room for, and takes them from it.
    mutating func take(
        _ blocks: inout ArraySlice<Block>,
        of feed: Feed,
        _ now: Timestamp
    ) -> Acceptance {
        guard let revision = revision(of: feed) else {
            return .refused(.notDeclared(feed: feed.name))
        }
        while let block = blocks.first, hasRoom {
            encode(.blocks([block], revision: revision), published: now)
            blocks.removeFirst()
        }
        guard blocks.isEmpty else { return .full }
        return .accepted(feed.isDurable ? .synced : .written)
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
