/// What bounds a log, in one place.
enum Limits {
    /// Bytes of the text in a lock file: host and pid and what else somebody woken at night needs.
    static let holderText = 512
    /// Archives that a log remembers; one more is served, and holds no segment back.
    static let archives = 64
    /// Bytes between two places of a segment that the index knows: what a fetch reads in vain.
    static let indexStride = 64 << 10
    /// Bytes of records that a log writes, or keeps in memory, as one piece.
    static let run = 1 << 20
    /// Bytes that one fetch may ask for.
    static let fetch = 4 << 20
    /// Bytes of the files `epoch` and `commits`.
    static let table = 1 << 20
}
