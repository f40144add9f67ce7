/// What bounds a log, in one place.
enum Limits {
    /// Bytes of the text in a lock file: host, pid and instance.
    static let holderText = 512
    /// Archives that a log remembers; one more is served, and holds no segment back.
    static let archives = 64
    /// Time between two times that the commits of archives are saved: a process that is killed
    /// forgets so much of them, and keeps segments longer until the archives ask again.
    static let saveInterval = Duration.seconds(60)
    /// Declarations of one epoch, since every segment repeats them; one more is refused.
    static let declarations = 4096
    /// Bytes between two places of a segment that the index knows: what a fetch reads in vain.
    static let indexStride = 64 << 10
    /// Bytes of records that are one piece while the disk is written, or refuses to be.
    static let run = 1 << 20
    /// Bytes of written records that stay in memory for those who follow the log, and as many of
    /// those before them; a longer run is read from its file.
    static let recent = 64 << 10
    /// How far the beats at which a log is synced are behind those at which samples are taken: they
    /// are written by then, and need not wait for it.
    static let syncPhase = Duration.milliseconds(70)
    /// Bytes written and not yet synced: more are synced before their time, so that a disk that
    /// fails to sync never has more to be read back.
    static let unsynced = 32 << 20
    /// Bytes that one fetch may ask for; more are cut to it.
    static let fetch = 4 << 20
    /// How often an archive is told to ask again for a segment that cannot be read, at least
    /// ``readPause`` apart, before what is in it counts as damaged.
    static let readAttempts = 30
    /// Time between two tries that count.
    static let readPause = Duration.seconds(1)
    /// Bytes of the files `epoch` and `commits`, and of the kernel's table of mounts.
    static let table = 1 << 20
    /// How far the number of an epoch lies beyond those that are known where a table could not be
    /// read, in nanoseconds: more than the numbers of several epochs that began at a wrong time.
    static let doubtfulEpochs: Int64 = 60_000_000_000
    /// Epochs that died in memory and are remembered; the oldest beyond is forgotten.
    static let memoryNotes = 64
    /// Losses in such a note; the oldest beyond have a row, but the cause of their place.
    static let noteLosses = 16
    /// Characters of the reason in such a note.
    static let noteReason = 120
    /// Bytes of either place in the file `memory`: so many notes as they mostly are; when they are
    /// longer the oldest are forgotten.
    static let memorySlot = 20 << 10
    /// Epochs before its own that a log names to whoever asks who may follow whom: as many starts
    /// may die before the registry hears of one.
    static let predecessors = 64
    /// Segments of a full spool: fewer could not be dropped one by one.
    static let fewestSegments = 4
}
