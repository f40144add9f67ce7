/// How much of a site file is read; beyond each limit the file is refused with a problem.
public enum Limits {
    /// The longest file, in bytes: a site of 1,000 agents takes about 200 KiB.
    public static let fileBytes = 1 << 20
    /// The deepest nesting of maps and lists; a site file needs about 8.
    public static let depth = 32
    /// The most nodes, aliases counted each time: what keeps nested aliases from exploding.
    public static let nodes = 100_000
    /// The most problems that are told of one file; the rest is counted.
    public static let problems = 200
    /// The most keys that are reported as written twice, each of which costs another parse.
    public static let duplicateKeys = 20
    /// The longest piece of the file that a message repeats, in characters.
    public static let quotedCharacters = 60
    /// The longest text that a variable may put into a scalar, in bytes.
    public static let expandedBytes = 65_536
    /// How often whoever follows a file looks whether it has changed.
    public static let watchPeriod = Duration.milliseconds(500)
    /// The longest that samples are kept short of `forever`, in seconds: 100 years.
    public static let longestRetention: Int64 = 100 * 365 * 86_400
}
