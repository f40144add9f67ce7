internal import Archive
internal import ZeroMQ

/// Seals segments on a thread of its own, so that the journal never waits for compression.
actor SealingDesk {
    private let thread: Reactor
    private let directory: ArchiveDirectory

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(directory: ArchiveDirectory) throws {
        self.directory = directory
        thread = try Reactor()
    }

    /// Seals every segment but the one that is written to.
    func sealAll(openSegment: String) throws {
        try Sealer(directory: directory).sealAll(openSegment: openSegment)
    }

    /// Ends the thread.
    nonisolated func shutdown() async { await thread.shutdown() }
}
