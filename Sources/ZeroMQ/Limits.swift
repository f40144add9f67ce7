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
}
