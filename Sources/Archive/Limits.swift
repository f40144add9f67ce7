/// What bounds an archive, in one place.
enum Limits {
    /// Bytes that a reader of a journal takes in one piece at first, which a processor's cache
    /// holds, and at most, where entries are long: two of the longest frames fit, so that one of
    /// them is always whole.
    static let shortJournalWindow = 1 << 20, journalWindow = 20 << 20
    /// Bytes that are read at first where only the opening of a segment is asked for.
    static let openingWindow = 16 << 10
    /// Bytes of declarations that a sealer remembers from one segment to the next, before it
    /// forgets all: those of 10,000 feeds of eight fields.
    static let knownFeeds = 8 << 20
    /// Bytes of decoded columns that a sealer holds; more timelines cost one more pass.
    static let sealing = 128 << 20
    /// Bytes that wait for the next commit before ``JournalWriter/append`` writes them; while the
    /// disk refuses, no more than that and one batch are kept, and further ones refused.
    static let journalBuffer = 8 << 20
    /// Time between two tries of a disk that refuses: each may begin a file.
    static let journalRetry = Duration.seconds(1)
    /// A jump ahead of the wall clock that receive time does not follow at once, and for how long.
    static let clockJump = Duration.seconds(3600), clockDoubt = Duration.seconds(600)
    /// Bytes that a batch has beside its records: two names at their longest, and numbers.
    static let batchOverhead = 384
    /// Bytes of a sealed file that are written with one call, and how many are not waited with
    /// until there are as many.
    static let sealedWrite = 4 << 20, wholeWrite = 256 << 10
    /// Finished epochs of one instance that a table of cursors remembers: they keep an agent that
    /// still holds an old segment from being read twice.
    static let finishedEpochs = 256
    /// Bytes of one sealed file's footer and ends that are read at once.
    static let footerRead = 256 << 20
    /// Bytes of a damaged sealed file in which a whole footer is looked for at once.
    static let footerSearch = 1 << 20
    /// Days whose folders a refresh looks at; older ones are looked at when the store opens.
    static let refreshedDays = 3
    /// Nanoseconds between two samples at which a run of the index ends.
    static let runGap: Int64 = 3_600_000_000_000
    /// Bytes of text in a lock file.
    static let holderText = 512
    /// Declarations of feeds that an index keeps decoded; at more it begins anew.
    static let declarations = 4096
    /// Bytes that a cache needs to find a chunk, beside those of the chunk.
    static let chunkOverhead = 256
    /// Threads that work on one query.
    static let cores = 2
    /// Values of one answer from which on more than one thread reads them: waking one takes as
    /// long as some ten thousand of them, and longer where the other core has work.
    static let valuesForCores = 1 << 16
    /// Bytes that a reader keeps when an answer is gone, for the next one: one of 200 fields for an
    /// hour takes 7 MB, and its message as much.
    static let keptMemory = 16 << 20
    /// Rows of an open timeline that are kept plain; then they are encoded.
    static let openChunkRows = 4096
    /// The part of a store's cache that rows of open segments may take; the journal has the rest.
    ///
    /// They may take a few bytes in any case: without them nothing could be answered quickly.
    static let openShare = 4, leastOpenBytes = 4 << 20
    /// Sealed files that a store keeps open, with their footers in memory.
    static let openFiles = 128
    /// Files that are opened to find out whose they are, where `archive.id` is damaged.
    static let filesForID = 16
    /// Damaged chunks that a store remembers: each is a row in the answers about its hour.
    static let damagedChunks = 16_384
    /// Damaged chunks that a refresh reads again, to see whether they were put right.
    static let recheckedChunks = 16
    /// How often a query, or a look at the folders, begins again when a file vanishes under it.
    static let restarts = 3
    /// Damages of one `.g3` file that are told one by one.
    static let g3Damages = 64
    /// Files of a tree of `.g3` files that are scanned between two transactions of its index.
    static let g3FilesPerStep = 32
    /// How long after its last change a `.g3` file that ends inside of a frame may still be
    /// written to.
    static let g3Patience = Duration.seconds(900)
    /// Folders below each other in a tree of `.g3` files.
    static let g3Depth = 4
    /// The age from which on a `.g3` file is looked at only where its folder has changed.
    static let g3Growing = Duration.seconds(86_400)
    /// The time and the rows that one frame of a `.g3` file has at most when we write it.
    static let g3FrameTime = Duration.seconds(300), g3FrameRows = 16_384
    /// Bytes that the rows of one group take while a day is compacted.
    static let compaction = 32 << 20
    /// Files that are compacted at once: more are compacted in several steps.
    static let compactedFiles = 128
    /// Pieces of columns in the footers of the files that are compacted at once; each takes up to
    /// 500 bytes of memory.
    static let compactedColumns = 100_000
    /// Days that have to be recorded before their clock counts for what is old.
    static let believedDays = 3
    /// Pinned intervals of one archive.
    static let pins = 1_000
}
