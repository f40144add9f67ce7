/// How a journal is cut into segments.
public struct JournalSettings: Sendable {
    /// A segment ends at each multiple of it on the clock (UTC), 1 s to 1 d.
    public var rotate: Duration
    /// A segment ends before it would be longer, in bytes.
    public var maxSize: Int

    /// Segments of an hour, of at most 4 GiB, or others.
    public init(rotate: Duration = .seconds(3600), maxSize: Int = 4 << 30) {
        precondition(rotate >= .seconds(1), "the site config let a short `rotate` through")
        self.rotate = rotate
        self.maxSize = maxSize
    }
}
