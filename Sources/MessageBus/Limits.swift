/// The bounds of this target, each with what happens there.
public enum BusLimits {
    /// The longest request, in bytes; a longer one ends the connection of its sender, who may
    /// connect again.
    public static let longestRequest = 1 << 20
    /// The longest reply or published message, in bytes; a longer one ends the connection, which
    /// is made anew.
    public static let longestMessage = 64 << 20
    /// Items of a reply, each of which takes memory that its bytes do not; one with more cannot be
    /// read.
    static let replyItems = 1 << 20
    /// Bytes of a reply beside its result and its text, at most.
    static let replyOverhead = 256
    /// The longest topic, in bytes; a message with a longer one is dropped and counted.
    public static let longestTopic = 512
    /// Topics that a publisher remembers as subscribed; beyond, it takes all as subscribed.
    public static let mostSubscriptions = 4_096
    /// Requests and replies that wait for one connection; one more is refused.
    public static let requestMark = 1_000
    /// Published messages that wait for one subscriber; one more is dropped and counted.
    public static let publishMark = 10_000
    /// Bytes of published messages that may wait for one subscriber; when they are more, which the
    /// mark allows at first, all connections end, and those who come back have a lower mark.
    public static let publishBytes = 64 << 20
    /// Bytes of published messages that may wait for all subscribers together; when they are more,
    /// all connections end, and those who read come back.
    public static let publishTotal = 4 * publishBytes
    /// Time between two tries to listen again.
    public static let publishPause = Duration.milliseconds(10)
    /// The longest action, target or code, in bytes; a longer one is malformed.
    public static let longestName = 128
    /// The longest text of a reply, in bytes; a longer one is cut when it is written.
    public static let longestText = 8_192
    /// Bytes of a request's id.
    public static let idLength = 16
    /// Requests that one requester has under way; one more is refused.
    public static let mostPending = 1_024
    /// Requests that a ledger remembers however old they are.
    public static let rememberedRequests = 1_000
    /// How long a ledger remembers every request.
    public static let rememberedFor = Duration.seconds(600)
    /// Requests that a ledger remembers at most; with all of them young, one more is refused.
    public static let mostRemembered = 100_000
    /// Bytes of answers that a ledger remembers at most; with all of them young, one more request
    /// is refused.
    public static let mostRememberedBytes = 64 << 20
    /// Requests with effect that run at once; one more is refused.
    public static let mostRunning = 1_024
    /// Peers that wait for the answer of one request that runs; one more replaces the oldest.
    public static let mostWaiting = 16
    /// Addresses of strangers that are told apart; those of further ones are logged as one.
    public static let mostStrangers = 256
    /// How often strangers of one address are logged.
    public static let strangerReportInterval = Duration.seconds(60)
    /// How often drops of one kind are logged.
    public static let dropReportInterval = Duration.seconds(60)
    /// How long a connection on which requests are out may be silent; when one of them runs out of
    /// time then, the connection is made anew.
    public static let silence = Duration.seconds(6)
    /// How long a connection that was refused waits before it tries again.
    public static let refusedRetry = Duration.seconds(1)
    /// How long a connection that the library gave up waits before it tries again.
    public static let lostRetry = Duration.milliseconds(100)
    /// Bytes of requests that all peers of one socket together may have sent and nobody has taken,
    /// as parts of messages that never end; beyond, the connections that hold most of them end.
    public static let waitingBytes = 64 << 20
    /// Bytes of replies that all peers of one socket together may leave unread, four of the
    /// longest; beyond, the connections that hold most of them end.
    public static let unreadBytes = 4 * longestMessage
    /// Bytes of subscriptions that one publisher keeps, of which each takes up to fifty times as
    /// much memory; beyond, the connections with most of them end.
    public static let subscriptionBytes = 1 << 20
    /// Connections of one socket; further ones end.
    public static let mostConnections = 4_096
}
