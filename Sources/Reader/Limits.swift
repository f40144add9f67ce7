/// What the reader takes and gives at most.
///
/// Beyond each limit a query is refused, never cut short in silence. `/api/v1/limits` shows those
/// that a client can do something about.
public enum ReaderLimits {
    /// The allowance: values of one answer, about 160 MB as doubles.
    ///
    /// Over it the answer is the error `query.limit`: ask for less time, fewer fields, or buckets.
    public static let values = 20_000_000

    /// Values that a reduction reads at a time (32 MB as doubles); more are read piece by piece.
    static let pieceValues = 4_000_000

    /// Rows between two steps of PromQL up to which all samples are read, since looking for the
    /// newest before each step is as much work.
    static let rowsPerLook = 1000

    /// Fields of one query, a feed's most; more are refused with `query.limit`.
    public static let fields = 4096

    /// Bytes of a name or a pattern, twice the longest name: a longer one fits nothing, and each
    /// star in it costs a look at every name.
    public static let patternBytes = 1024

    /// Buckets of one timeline, far more than a screen is wide.
    public static let buckets = 1_000_000

    /// Rows of the ledger in one answer: the newest are given, and a note says how many are not.
    public static let ledgerRows = 10_000

    /// Hours of all timelines together in one answer about completeness, a month of 130 feeds;
    /// more are refused with `query.limit`.
    public static let completenessHours = 100_000

    /// Bytes of numbers, and count of texts, in an answer of the bus, whose replies end at 64 MiB
    /// and a million items; over them the answer is the error `query.limit`.
    public static let messageBytes = 60 << 20, messageTexts = 1_000_000

    /// Bytes of a field in an answer of the bus beside its values, mostly: its name, twice.
    static let fieldOverhead = 256

    /// Bytes of a request's path and query, enough for 400 field names; more are refused with 413.
    public static let addressBytes = 64 << 10

    /// Bytes of a request's body, where the same names may stand; more are refused with 413 as soon
    /// as the head says so or they have come, and the connection is closed.
    static let bodyBytes = 64 << 10

    /// How long what still comes on such a connection is thrown away, so that the client gets to
    /// read why.
    static let drainTime: Duration = .seconds(1)

    /// Bytes and fields of the head of a request; with more it is answered with 400 and the
    /// connection is closed.
    static let headerBytes = 80 << 10, headers = 200

    /// How long a client may take nothing of an answer; then the connection is closed.
    ///
    /// What waits for it meanwhile is one part of ``textPartBytes``.
    static let writeTime: Duration = .seconds(30)

    /// Bytes of an answer from which it is worth compressing; and how hard zlib tries, where 1 is
    /// fastest, since a table of numbers gains little from more.
    static let compressedBytes = 1400, compressionLevel: Int32 = 1

    /// Timelines of one answer from which on more than one thread reads them.
    static let timelinesForCores = 4

    /// Queries that are answered at once, each with a thread; others wait.
    ///
    /// More than the cores, since some wait for the disk.
    public static let concurrentQueries = 4

    /// Queries that wait for a thread; one more is refused with `request.too-many`, 503.
    public static let waitingQueries = 64

    /// The time that a query may take, waiting included; longer ones end as `query.failed`.
    public static let queryTime: Duration = .seconds(30)

    /// A port that somebody else has is tried again so often: soon enough for whoever freed it, and
    /// rare enough that a wait of days costs nothing, so it does not grow.
    static let listenPeriod: Duration = .seconds(5)

    /// How long ago the archive may have been looked at while the reader calls itself ready; it is
    /// looked at once a second.
    static let readyAge: Duration = .seconds(15)

    /// How old what an aggregator says of itself, every ten seconds, may be in `/metrics`.
    static let recordingAge: Duration = .seconds(60)

    /// Feeds whose completeness `/metrics` shows, the first by name; `/api/v1/completeness` has
    /// all of them.
    static let metricFeeds = 1000

    /// Names that SimpleJSON's search answers, the first; more letters find the others.
    static let searchNames = 10_000

    /// Targets of a panel, and rows of the ledger on it, the newest.
    static let targets = 100, annotations = 1000

    /// Connections of HTTP, those of event streams among them; further ones wait to be accepted.
    static let connections = 1024

    /// Connections from which on the one that rests longest ends for the next: so those that ask
    /// nothing never shut out those that do.
    static let restingConnections = 900

    /// Event streams at once; one more is refused with `request.too-many`, 503.
    public static let watchers = 600

    /// Fields whose newest sample is kept for event streams; later ones are not shown there.
    static let liveFields = 200_000

    /// The time between two looks at what has changed, unless the watcher asks for another.
    static let livePeriod: Duration = .seconds(1)

    /// The shortest that a watcher may ask for; faster than eyes would be for nothing.
    static let shortestLivePeriod: Duration = .milliseconds(100)

    /// The time without news after which an event stream says so.
    static let quietPeriod: Duration = .seconds(15)

    /// The time between two looks at the registry's table, and after which an instance whose feeds
    /// are not known is asked again.
    static let tablePeriod: Duration = .seconds(1), describePeriod: Duration = .seconds(5)

    /// The time that an instance or the registry may take to answer what HTTP asks.
    public static let siteTime: Duration = .seconds(2)

    /// Bytes of a file that the monitor page loads from where a package installed it; more is not
    /// that file.
    static let assetBytes = 4 << 20

    /// Wrong tokens that an address may show at once, and then a second; more get 429, also where
    /// the next one would be right for somebody else.
    static let failedTokens = 20, failedTokensPerSecond = 0.2

    /// Requests that the holder of a token, or an address that shows none where one is needed, may
    /// make at once, and then a second; more get 429.
    static let requestBurst = 1000, requestsPerSecond = 200.0

    /// Tokens and addresses whose requests are counted at a time, those that asked last.
    static let limitedVisitors = 10_000

    /// Bytes of a login; a longer one is none.
    static let loginBytes = 4096

    /// How long a browser keeps a token that does not end before: a night and the day after it.
    static let cookieTime: Duration = .seconds(24 * 3600)

    /// Characters of an address of HTTP in the audit; the rest is cut off.
    static let auditedPath = 200

    /// Seconds after which a connection without traffic is closed.
    static let idleSeconds: Int64 = 120

    /// Values that one piece of a text answer encodes at most, about 1 MiB.
    static let valuesPerPiece = 65_536

    /// Bytes of a text answer beyond which they are sent before more are made.
    static let textPartBytes = 256 << 10

    /// The time that requests under way have to end when HTTP stops; then they are cut.
    static let shutdownTime: Duration = .seconds(2)

    /// The time between two looks at the archive while nobody says that it has changed: such a
    /// word may be missed where a folder is made and written to in one moment.
    static let refreshPeriod: Duration = .seconds(1)

    /// The same where the kernel does not watch the folder.
    static let unwatchedPeriod: Duration = .milliseconds(100)

    /// The time between two looks at all days of the archive; the newest ones are looked at more
    /// often.
    static let wholeLook: Duration = .seconds(60)

    /// The least time between two looks: each lists folders, and many writes are one look.
    static let refreshPause: Duration = .milliseconds(50)

    /// Values, times among them, that an export holds at once (8 MB as doubles), but for rows of
    /// one nanosecond.
    static let exportValues: Int64 = 1_000_000

    /// Columns of an export; more are refused.
    static let exportFields = 16_384

    /// Names that an error suggests.
    static let suggestions = 3

    /// The time between two looks at a tree of `.g3` files: its writers add frames every few
    /// minutes.
    static let treePeriod: Duration = .seconds(10)

    /// How long one look scans files of a tree that were not scanned yet; then the archive's turn
    /// comes, and the next look goes on.
    static let treePatience: Duration = .milliseconds(500)

    /// Problems of files that are told in the log when they come up at once; of further ones only
    /// the number is.
    static let toldProblems = 100

    /// How near a sample of an earlier archive has to be for one of a later archive not to count.
    static let seam: Duration = .seconds(60)

    /// Rows within ``seam`` of a range that are looked at, far more than a timeline has.
    static let seamRows = 1_000_000

    /// How long after its last sample an archive of a timeline that goes on in another one is
    /// taken as ended.
    static let endedArchive: Duration = .seconds(86_400)

    /// How old what is known of the declarations in all archives may be.
    static let declarationPeriod: Duration = .seconds(60)
}
