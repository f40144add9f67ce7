/// What bounds the agents of this target, each with its reason and what happens there.
enum Limits {
    /// The longest line or datagram, in bytes; the longest reply known has 80.
    ///
    /// Beyond it the connection is dropped, since whoever sends more is not the instrument.
    static let longestReply = 4096
    /// Callers that may wait for their turn at one instrument; the next one is refused.
    static let mostWaiting = 32
    /// The wait after the first failure, doubled with each further one.
    static let firstBackoff = Duration.milliseconds(500)
    /// The longest wait between two tries; a repaired cable is seen within it.
    static let longestBackoff = Duration.seconds(30)
    /// Blocks that one trip to the log carries; the rest follows in the next trip.
    static let mostBlocksAtOnce = 4096
    /// The time between two trips to the log at high rates: short for eyes, long for the CPU.
    static let step = Duration.milliseconds(5)
    /// How far a source may fall behind before it leaves out what it missed.
    static let longestDelay = Duration.seconds(1)
    /// The feeds that one source of load may have: as many as a large instrument.
    static let mostLoadFeeds = 1000
    /// The largest file below /proc or /sys that is read, in bytes; the rest is left out.
    static let largestStatusFile = 1 << 20
    /// Items of one kind (disks, interfaces, sensors) that a host may have; the rest is left out.
    static let mostItems = 64
}
