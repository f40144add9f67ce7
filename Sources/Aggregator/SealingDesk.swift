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

    /// Turns one closed segment into a sealed file.
    func seal(_ segment: String) throws {
        try Sealer(directory: directory).seal(segment)
    }

    /// Ends the thread.
    nonisolated func shutdown() async { await thread.shutdown() }
}
