/// Bounds of a sealed file, which a reader checks before it allocates anything.
public enum SealedLimits {
    /// The most rows of one group: a minute's plot of a fast feed decodes one chunk, not many.
    public static let rowsPerGroup = 65_536
    /// The most bytes of text in one chunk, unless a single text is longer.
    public static let textBytesPerChunk = 1 << 20
    /// The longest chunk once decoded: one text of the longest record, and its offsets, fit.
    public static let plainBytesPerChunk = 16 << 20
    /// The longest footer once decoded: 16,000 fields in a file that holds an hour of each.
    public static let plainBytesPerFooter = 256 << 20
    /// How many items a footer may have; each costs a decoder some 100 bytes.
    public static let footerItems = 8 << 20
    /// The fewest samples that a minute or hour holds on average where it is rolled up: below,
    /// a roll-up would be as long as what it stands for.
    public static let samplesPerBucket = 8
    /// The fewest hours that are rolled up: for less, minutes tell as fast.
    public static let hoursPerRollup = 4
    /// Bytes of chunks that are handed on with one call.
    static let bytesPerWrite = 256 << 10
    /// Bytes of chunks behind which a part of the footer stands, at least and at most.
    ///
    /// In between it is an eighth of what is before it. As much may be lost where a file is cut.
    /// More parts take more bytes: what one says does not help to compress the next one.
    static let shortestPart = 8 << 10, longestPart = 64 << 10
    /// The share of a long file that is longer than that, and stands behind a part then: each part
    /// names those before it.
    static let partShare = 64
    /// The most parts that a footer may name, since a reader looks for each: the longest file that
    /// an Int64 can measure would have some 2,000.
    public static let partsPerFooter = 65_536
    /// The most gaps at which one timeline of a file is cut: daily samples of ten years, replayed
    /// at once, would otherwise make a footer that is longer than they.
    public static let runsPerTimeline = 64
}
