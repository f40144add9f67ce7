/// Reads the settings of one map, one key a call, and collects everything that is wrong with them.
///
/// A call never fails: where the file is wrong it returns the default (or a harmless value of the
/// type) and keeps a problem, so that one run shows all problems of a file.
public struct SettingsReader {
    /// What was wrong so far; ``finish()`` adds the keys that nobody read.
    public private(set) var problems: [SiteProblem] = []

    /// Reads `setting`, which has to be a map or null; `owner` is for messages: `agent cryo-1`.
    /// Relative paths start at `folder`.
    public init(_ setting: Setting, owner: String, folder: String) {}
    /// A text; required if `fallback` is nil.
    public mutating func string(_ key: String, default fallback: String? = nil) -> String { fallback ?? "" }
    /// One of `choices`.
    public mutating func choice(_ key: String, of choices: [String], default fallback: String? = nil) -> String { fallback ?? choices[0] }
    /// An integer within `range`.
    public mutating func int(_ key: String, default fallback: Int? = nil, in range: ClosedRange<Int>) -> Int { fallback ?? range.lowerBound }
    /// A number within `range`.
    public mutating func double(_ key: String, default fallback: Double? = nil, in range: ClosedRange<Double>) -> Double { fallback ?? range.lowerBound }
    /// A truth value.
    public mutating func bool(_ key: String, default fallback: Bool? = nil) -> Bool { fallback ?? false }
    /// A duration with its unit (`250 ms`) within `range`; `because` is appended to the message of a
    /// value outside of it: "since one pass over its channels takes 0.2 s".
    public mutating func duration(_ key: String, default fallback: Duration? = nil, in range: ClosedRange<Duration>, because reason: String? = nil) -> Duration { fallback ?? range.lowerBound }
    /// A size with its unit (`512 MiB`), in bytes.
    public mutating func byteCount(_ key: String, default fallback: Int? = nil, in range: ClosedRange<Int>) -> Int { fallback ?? range.lowerBound }
    /// A path, made absolute from the folder of the site file.
    public mutating func path(_ key: String, default fallback: String? = nil) -> String { fallback ?? "" }
    /// `host:port`; the port may be left out where `defaultPort` is given.
    public mutating func endpoint(_ key: String, default fallback: Endpoint? = nil, defaultPort: Int? = nil) -> Endpoint { fallback ?? Endpoint(host: "", port: 0) }
    /// A list of integers within `range`.
    public mutating func ints(_ key: String, default fallback: [Int]? = nil, in range: ClosedRange<Int>) -> [Int] { fallback ?? [] }
    /// A list of texts.
    public mutating func strings(_ key: String, default fallback: [String]? = nil) -> [String] { fallback ?? [] }
    /// The map under `key`, read by `body`; its problems and unknown keys join this reader's.
    /// Not called, and nil, if the key is absent.
    public mutating func section<Result>(_ key: String, _ body: (inout SettingsReader) -> Result) -> Result? { nil }
    /// Whether the key is there (a reader of it must follow).
    public func has(_ key: String) -> Bool { false }
    /// Adds a problem at the value of `key` (at the map itself where the key is absent).
    public mutating func reject(_ key: String, _ message: String) {}
    /// All problems, unknown keys with their nearest known word included, in the order of the file.
    public mutating func finish() -> [SiteProblem] { problems }
}
