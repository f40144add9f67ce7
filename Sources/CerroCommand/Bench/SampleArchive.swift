internal import Archive
internal import ArchiveFormat
internal import MessagePack
internal import Synchronization
internal import Telemetry

/// Writes made-up samples as archives.
enum SampleArchive {
    /// What was written.
    struct Written: Hashable, Sendable {
        var rows = 0, values = 0

        static func + (left: Written, right: Written) -> Written {
            Written(rows: left.rows + right.rows, values: left.values + right.values)
        }
    }

    /// Writes a set as a journal, an hour a segment, through the archive's own writer.
    ///
    /// Each message has `rowsOfMessage` rows of one feed, and a batch one message of each feed of
    /// an instance. No program needs to run; nobody else may write to the archive `folder`.
    static func writeJournal(
        of set: SampleSet,
        hours: Int,
        rowsOfMessage: Int,
        in folder: String
    ) throws -> Written {
        let directory = ArchiveDirectory(folder)
        let (id, lock) = try directory.lockForWriting(holder: "cerro bench")
        return try withExtendedLifetime(lock) {
            let clock = SampleClock(set.start)
            let writer = try JournalWriter(directory: directory, archive: id, time: clock)
            var logs = (0..<(set.feeds + SampleSet.feedsOfInstance - 1) / SampleSet.feedsOfInstance)
                .map { SampleLog(set, number: $0) }
            var written = Written()
            for hour in 0..<hours {
                for log in logs.indices { logs[log].prepare(seconds: 3600) }
                let rows = Int(3600 * set.rate)
                for message in 0...(rows / rowsOfMessage) {
                    try Task.checkCancellation()
                    let last = min((message + 1) * rowsOfMessage, rows) - 1
                    let seconds = Double(hour * 3600) + Double(last) / set.rate
                    let received = set.start + .milliseconds(Int64(seconds * 1000) + 100)
                    clock.set(received)
                    for log in logs.indices {
                        let count = rowsOfMessage
                        written.rows += try logs[log].publish(count, received, to: writer)
                    }
                }
            }
            try writer.commit()
            written.values = written.rows * set.kinds.count
            return written
        }
    }

    /// Writes a set as sealed files of so many hours each, without a journal: the fast way to a
    /// long archive.
    ///
    /// `parts` of the time begin anew, each on a thread of its own; 1 for a set without a jump.
    static func writeSealed(
        of set: SampleSet,
        hours: Int,
        hoursOfFile: Int = 1,
        parts: Int = 1,
        in folder: String
    ) async throws -> Written {
        let directory = ArchiveDirectory(folder)
        let (id, lock) = try directory.lockForWriting(holder: "cerro bench")
        let files = (hours + hoursOfFile - 1) / hoursOfFile
        let written = try await withThrowingTaskGroup(of: Written.self) { group in
            for part in 0..<parts {
                let own = (files * part / parts)..<(files * (part + 1) / parts)
                group.addTask {
                    try await write(
                        set,
                        part: part,
                        files: own,
                        hoursOfFile,
                        directory,
                        archive: id
                    )
                }
            }
            return try await group.reduce(Written(), +)
        }
        return withExtendedLifetime(lock) { written }
    }

    private static func write(
        _ set: SampleSet,
        part: Int,
        files: Range<Int>,
        _ hoursOfFile: Int,
        _ directory: ArchiveDirectory,
        archive: String
    ) async throws -> Written {
        let seconds = 3600 * hoursOfFile
        var own = set
        own.start = set.start + .seconds(files.lowerBound * seconds)
        var feeds = (0..<set.feeds).map { own.feed($0, part: part) }
        var written = Written()
        for file in files {
            // The parts may have every core: whoever hears of Ctrl-C needs one as well.
            await Task.yield()
            let from = set.start + .seconds(file * seconds)
            try directory.addSealed(
                archive: archive,
                received: (from, from + .seconds(seconds))
            ) { builder in
                for feed in feeds.indices {
                    try Task.checkCancellation()
                    let rows = feeds[feed].next(seconds: seconds)
                    guard !rows.times.isEmpty else { continue }
                    try builder.add(
                        feeds[feed].instance,
                        feed: feeds[feed].feed,
                        epochs: [1],
                        times: rows.times,
                        received: rows.times.map { $0 + 100_000_000 },
                        columns: rows.columns
                    )
                    written.rows += rows.times.count
                }
            }
        }
        written.values = written.rows * set.kinds.count
        return written
    }
}

/// The log of one instance: what it has to publish, and how far it has come.
private struct SampleLog {
    private let instance: String
    private var feeds: [SampleFeed]
    private var rows: [SampleFeed.Rows]
    private var sent: [Int]
    private var position: Int64 = 0

    init(_ set: SampleSet, number: Int) {
        let first = number * SampleSet.feedsOfInstance
        feeds = (first..<min(set.feeds, first + SampleSet.feedsOfInstance)).map { set.feed($0) }
        instance = feeds.first?.instance ?? ""
        rows = feeds.map { _ in SampleFeed.Rows() }
        sent = feeds.map { _ in 0 }
    }

    /// Makes the rows of the next `seconds`; those before are out.
    mutating func prepare(seconds: Int) {
        for feed in feeds.indices {
            rows[feed] = feeds[feed].next(seconds: seconds)
            sent[feed] = 0
        }
    }

    /// Publishes the next `count` rows of each feed; returns how many there were.
    mutating func publish(
        _ count: Int,
        _ received: Timestamp,
        to writer: JournalWriter
    ) throws -> Int {
        var frames: [UInt8] = []
        let first = position + 1
        if first == 1 {
            for feed in feeds.indices { declare(feeds[feed].feed, feed, received, &frames) }
        }
        var published = 0
        for feed in feeds.indices {
            let own = sent[feed]..<min(sent[feed] + count, rows[feed].times.count)
            guard !own.isEmpty else { continue }
            let block = Block(
                timestamps: rows[feed].times[own].map { Timestamp(nanoseconds: $0) },
                columns: rows[feed].columns.map { $0.sample(own) }
            )
            position += 1
            append(to: &frames) {
                RecordWriter.write(header(feed, received), blocks: [block], to: &$0)
            }
            sent[feed] = own.upperBound
            published += own.count
        }
        guard position >= first else { return 0 }
        try frames.withUnsafeBytes {
            try writer.append(
                instance: instance,
                epoch: 1,
                first: first,
                count: position - first + 1,
                received: received,
                frames: $0
            )
        }
        return published
    }

    private mutating func declare(
        _ feed: Feed,
        _ number: Int,
        _ received: Timestamp,
        _ frames: inout [UInt8]
    ) {
        position += 1
        append(to: &frames) {
            RecordWriter.write(header(number, received), declaration: feed, to: &$0)
        }
    }

    private func header(_ feed: Int, _ published: Timestamp) -> RecordHeader {
        RecordHeader(
            kind: .data,
            epoch: 1,
            position: position,
            revision: Int64(feed + 1),
            published: published
        )
    }

    private func append(
        to frames: inout [UInt8],
        _ write: (inout MessagePackWriter) -> Void
    ) {
        var writer = MessagePackWriter()
        write(&writer)
        writer.withBytes { _ = Frame.append($0, to: &frames) }
    }
}

extension Column {
    /// Some of its rows.
    fileprivate func sample(_ rows: Range<Int>) -> Column {
        let presence = presence.map { Array($0[rows]) }
        let hasAll = presence?.allSatisfy(\.self) ?? true
        switch values {
        case .doubles(let values):
            return Column(.doubles(Array(values[rows])), presence: hasAll ? nil : presence)
        case .ints(let values):
            return Column(.ints(Array(values[rows])), presence: hasAll ? nil : presence)
        case .bools(let values):
            return Column(.bools(Array(values[rows])), presence: hasAll ? nil : presence)
        case .strings(let values):
            return Column(.strings(Array(values[rows])), presence: hasAll ? nil : presence)
        }
    }
}

/// A clock that shows the time of the samples.
private final class SampleClock: TimeSource {
    private let instant: Mutex<Timestamp>

    init(_ start: Timestamp) {
        instant = Mutex(start)
    }

    func set(_ now: Timestamp) { instant.withLock { $0 = now } }

    var now: Timestamp { instant.withLock { $0 } }

    var monotonic: Duration { now - Timestamp(nanoseconds: 0) }

    func sleep(untilMonotonic deadline: Duration) async throws {}
}
