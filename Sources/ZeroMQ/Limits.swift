/// The bounds of this target, each with what happens there.
public enum ZeroMQLimits {
    /// Messages that one socket delivers before the next socket has its turn; the rest waits.
    public static let messagesPerTurn = 256
    /// Bytes that one socket delivers before the next socket has its turn; the rest waits.
    public static let bytesPerTurn = 4 << 20
    /// Jobs that run before the sockets have their turn; the rest waits.
    public static let jobsPerTurn = 1_024
    /// Sockets that are told in one turn that they may have something; the rest waits.
    public static let socketsPerTurn = 64
    /// Parts of one message; a message with more is dropped and counted.
    public static let mostParts = 8
    /// Events of connections that wait to be read; then the library's thread waits for the reactor.
    public static let monitorMark = 100_000
    /// Timers that wait at once in one reactor; one more is a mistake and traps.
    public static let mostTimers = 65_536
    /// Time between two looks at what the peers of a bound socket keep waiting; and while one of
    /// them is new or busy, so that little can come meanwhile.
    static let look = Duration.seconds(1), hurriedLook = Duration.milliseconds(20)
    /// How far the beats at which a look may be due are behind those at which samples are taken:
    /// agents send what they gathered then, and are awake.
    static let lookPhase = Duration.milliseconds(40)
    /// So many looks follow each other soon, two seconds.
    static let hurriedLooks = 100
    /// Looks at a quiet process without a new listing of what it has open: a connection that came
    /// unseen among many others is found by the next one.
    static let looksPerListing = 10
    /// Descriptors that may come between two of them and are seen without a listing.
    static let spareDescriptors: Int32 = 32
    /// Bytes that came to the host, or were sent by a socket, until which nobody is looked at: so
    /// many may wait unseen; and the looks in a row that are left out for that.
    static let quietBytes = 4 << 20, quietLooks = 10
    /// Bytes that the kernel takes to tell of all network interfaces; where it takes more, of
    /// some fifty, nobody counts as quiet.
    static let interfaceText = 8 << 10
    /// Bytes between two looks from which on a peer is busy.
    static let busyBytes = 64 << 10
    /// Bytes a second of one peer that never count as waiting: a peer's heartbeats, and what
    /// frames and their encryption take beside the messages.
    static let trickle = 256
    /// What a part of a message takes on the wire beside its bytes, at most.
    static let partOverhead = 64
}
