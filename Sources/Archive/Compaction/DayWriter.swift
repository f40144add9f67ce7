internal import ArchiveFormat
internal import Telemetry

/// Writes the groups of a plan into a new file.
struct DayWriter: DayOutput {
    var builder: SealedFileBuilder

    mutating func begin(
        _ instance: String,
        _ feed: Feed,
        _ epochs: [Int64],
        isReduced: Bool
    ) throws {
        if isReduced {
            builder.beginReduced(instance, feed: feed, epochs: epochs)
        } else {
            builder.begin(instance, feed: feed, epochs: epochs)
        }
    }

    mutating func take(_ group: MergedGroup) throws {
        switch group {
        case .kept(let group, let piece):
            try builder.copy(group) { try piece.file.checkedBytes(of: $0, piece.subject) }
        case .rows(let rows):
            try builder.addGroup(times: rows.times, columns: rows.columns, delays: rows.delays)
        }
    }

    mutating func reduce(_ rows: DecodedRows) throws {
        try builder.addReducedGroup(times: rows.times, columns: rows.columns, delays: rows.delays)
    }

    mutating func take(_ group: ReducedGroup, of file: SealedFile) throws {
        try builder.copy(group) { try file.checkedBytes(of: $0, "a roll-up") }
    }
}

/// Compares the groups of a plan with those of the file that was made by it.
struct DayChecker: DayOutput {
    /// What does not fit, a line each.
    private(set) var flaws: [String] = []
    private let new: SealedFile
    private var timeline = -1, group = 0
    private var reduced = -1, reducedGroup = 0

    init(_ new: SealedFile) {
        self.new = new
    }

    mutating func begin(
        _ instance: String,
        _ feed: Feed,
        _ epochs: [Int64],
        isReduced: Bool
    ) throws {
        let isSame: Bool
        if isReduced {
            reduced += 1
            reducedGroup = 0
            let other = new.footer.reduced[safe: reduced]
            isSame = other?.instance == instance && other?.feed == feed && other?.epochs == epochs
        } else {
            timeline += 1
            group = 0
            let other = new.footer.timelines[safe: timeline]
            isSame = other?.instance == instance && other?.feed == feed && other?.epochs == epochs
        }
        if !isSame { flaws.append("\(instance).\(feed.name) is another timeline") }
    }

    mutating func take(_ group: MergedGroup) throws {
        guard let timeline = new.footer.timelines[safe: timeline],
            let copy = timeline.groups[safe: self.group]
        else { return flaws.append("a group is not there") }
        self.group += 1
        let isSame: Bool
        switch group {
        case .kept(let old, _): isSame = copy.isCopy(of: old)
        case .rows(let rows):
            isSame =
                try copy.shortestDelay == rows.delays.shortest
                && copy.longestDelay == rows.delays.longest
                && new.hasRows(rows.times, rows.columns, in: copy, of: timeline)
        }
        guard !isSame else { return }
        flaws.append("\(timeline.instance).\(timeline.feed.name) from \(copy.first)")
    }

    mutating func reduce(_ rows: DecodedRows) throws {
        guard let timeline = new.footer.reduced[safe: reduced],
            let copy = timeline.groups[safe: reducedGroup]
        else { return flaws.append("a reduced group is not there") }
        reducedGroup += 1
        if copy.rows != rows.times.count || copy.first.nanoseconds != rows.times.first
            || copy.last.nanoseconds != rows.times.last
        {
            flaws.append("what is left of \(timeline.instance).\(timeline.feed.name)")
        }
        for (field, column) in rows.columns.enumerated() {
            let subject =
                "\(timeline.instance).\(timeline.feed.name).\(timeline.feed.fields[field].name)"
            let statistics = Statistics(column, rows: rows.times.indices)
            if !statistics.isSame(as: copy.statistics[field]) {
                flaws.append("the statistics of \(subject)")
            }
            for rollup in copy.rollups {
                ArchiveTool.check(rollup, field, column, rows.times, new, subject) {
                    flaws.append($0)
                }
            }
        }
    }

    mutating func take(_ group: ReducedGroup, of file: SealedFile) throws {
        guard let timeline = new.footer.reduced[safe: reduced],
            let copy = timeline.groups[safe: reducedGroup]
        else { return flaws.append("a reduced group is not there") }
        reducedGroup += 1
        if !copy.isCopy(of: group) {
            flaws.append("what is left of \(timeline.instance).\(timeline.feed.name)")
        }
    }
}

extension MergedPiece {
    /// Whose chunks these are.
    fileprivate var subject: String { "\(timeline.instance).\(timeline.feed.name)" }
}

extension SealedFile {
    /// The bytes of `chunk` as they were written.
    func checkedBytes(of chunk: Chunk, _ subject: String) throws(ArchiveError) -> [UInt8] {
        let bytes = try bytes(of: chunk)
        let found = bytes.withUnsafeBytes { crc32c($0) }
        guard found == chunk.checksum, bytes.count == chunk.byteCount else {
            throw .chunk(
                path: path,
                offset: chunk.offset,
                of: subject,
                .checksum(found: found, expected: chunk.checksum)
            )
        }
        return bytes
    }
}

extension SealedGroup {
    /// Whether it is the other group but for the places of its chunks.
    fileprivate func isCopy(of other: SealedGroup) -> Bool {
        var (mine, theirs) = (self, other)
        mine.forgetPlaces()
        theirs.forgetPlaces()
        return mine.rows == theirs.rows && mine.first == theirs.first && mine.last == theirs.last
            && mine.shortestDelay == theirs.shortestDelay
            && mine.longestDelay == theirs.longestDelay && mine.times == theirs.times
            && mine.columns.map(\.chunk) == theirs.columns.map(\.chunk)
            && zip(mine.columns, theirs.columns).allSatisfy {
                $0.statistics.isSame(as: $1.statistics)
            }
            && mine.rollups == theirs.rollups
    }

    private mutating func forgetPlaces() {
        times.offset = 0
        for place in columns.indices { columns[place].chunk.offset = 0 }
        for place in rollups.indices { rollups[place].forgetPlaces() }
    }
}

extension ReducedGroup {
    /// Whether it is the other group but for the places of its chunks.
    fileprivate func isCopy(of other: ReducedGroup) -> Bool {
        var (mine, theirs) = (rollups, other.rollups)
        for place in mine.indices { mine[place].forgetPlaces() }
        for place in theirs.indices { theirs[place].forgetPlaces() }
        return rows == other.rows && first == other.first && last == other.last && mine == theirs
            && shortestDelay == other.shortestDelay && longestDelay == other.longestDelay
            && zip(statistics, other.statistics).allSatisfy { $0.isSame(as: $1) }
    }
}

extension SealedRollup {
    fileprivate mutating func forgetPlaces() {
        starts.offset = 0
        rows?.offset = 0
        for place in columns.indices {
            columns[place]?.counts?.offset = 0
            guard var numbers = columns[place]?.numbers else { continue }
            for number in numbers.indices { numbers[number].offset = 0 }
            columns[place]?.numbers = numbers
        }
    }
}

extension Array {
    /// The element at `place`; nil where there is none.
    fileprivate subscript(safe place: Int) -> Element? {
        indices.contains(place) ? self[place] : nil
    }
}
