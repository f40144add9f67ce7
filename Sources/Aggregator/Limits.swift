/// What recording bounds, why, and what happens there.
enum AggregatorLimits {
    /// Bytes of one batch, if few instances are pulled; one record may reach beyond it.
    static let batchBytes = 1 << 20
    /// Bytes of all batches that are fetched or wait for the journal at one time: each pull asks
    /// for its share, but for ``littleBatch`` at least.
    static let fetchedBytes = 64 << 20
    /// How long an agent may hold a fetch before it answers that there is nothing.
    static let fetchWait = Duration.seconds(1)
    /// How long a fetch may take in all before the instance counts as away.
    static let fetchTimeout = Duration.seconds(6)
    /// Fetches that found little go on together at the next multiple of this, and agents that had
    /// nothing answer together: at ordinary rates a wake-up costs fifty times the message, and what
    /// is done together wakes everybody once.
    static let beat = Duration.milliseconds(200)
    /// A batch that is shorter is little.
    static let littleBatch = 64 << 10
    /// The longest that a fetched record waits for the disk.
    static let commitPeriod = Duration.milliseconds(100)
    /// Time after which a pull looks again whether the journal takes anything.
    static let roomPeriod = Duration.seconds(1)
    /// Time between two looks at how much room the archive's disk has, and at what else is due to
    /// the journal.
    static let diskPeriod = Duration.seconds(1)
    /// The longest that such records wait for their row of the ledger: a process that is killed
    /// leaves so much without a mark.
    static let clockPeriod = Duration.seconds(60)
    /// Time between two looks for closed segments.
    static let sealPeriod = Duration.seconds(1)
    /// Time between two looks at the registry's table.
    static let tablePeriod = Duration.seconds(1)
    /// The first and the longest wait before an instance that is away is asked again.
    static let firstRetry = Duration.milliseconds(200), longestRetry = Duration.seconds(5)
    /// Time for which the log of a living instance may not be fetched before that is a fault.
    static let fetchPatience = Duration.seconds(10)
    /// A commit that takes longer raises `disk.slow`.
    static let slowCommit = Duration.seconds(2)
    /// Time between two days that are compacted: readers follow, and queries end.
    static let compactionPeriod = Duration.seconds(60)
    /// Time after which a day that could not be compacted is tried again.
    static let compactionRetry = Duration.seconds(3600)
    /// How far the thread that compacts stands behind the others.
    static let niceness: Int32 = 10
}
