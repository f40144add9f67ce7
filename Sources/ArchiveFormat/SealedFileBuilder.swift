public import Telemetry

/// Writes a sealed file from beginning to end into whatever takes bytes.
public struct SealedFileBuilder {
    /// What the footer will say; ``add(_:feed:epochs:times:received:columns:)`` adds to it.
    public var footer: SealedFooter
    private let write: ([UInt8]) throws -> Void
    private var offset = 0

    /// A file whose bytes go to `write`, in order; the head at once.
    public init(_ footer: SealedFooter, write: @escaping ([UInt8]) throws -> Void) throws {
        self.footer = footer
        self.write = write
        try put(SealedLayout.head)
    }

    /// Adds N rows of a feed.
    ///
    /// `times` are N times in non-decreasing order, `received` when each row was received, and
    /// `columns` holds N values for each field, in declared order.
    public mutating func add(
        _ instance: String,
        feed: Feed,
        epochs: [Int64],
        times: [Int64],
        received: [Int64],
        columns: [Column]
    ) throws {
        let isWhole = columns.count == feed.fields.count && received.count == times.count
        guard isWhole, columns.allSatisfy({ $0.count == times.count }) else {
            throw SealedFileError.timelineShape("\(instance).\(feed.name): columns do not fit")
        }
        guard zip(columns, feed.fields).allSatisfy({ $0.type == $1.type }) else {
            throw SealedFileError.timelineShape("\(instance).\(feed.name): types do not fit")
        }
        begin(instance, feed: feed, epochs: epochs)
        for rows in Self.groups(times: times, columns: columns) {
            try add(rows, times, columns, delays: Self.delays(rows, times, received))
        }
    }

    /// Adds a timeline without rows; ``addGroup(times:columns:delays:)`` adds them.
    public mutating func begin(_ instance: String, feed: Feed, epochs: [Int64]) {
        footer.timelines.append(
            SealedTimeline(instance: instance, feed: feed, epochs: epochs, groups: [])
        )
    }

    /// Adds a group as another file had it to the timeline that was begun last.
    ///
    /// `times` are 1 ≤ N ≤ ``SealedLimits/rowsPerGroup`` times in non-decreasing order, `columns`
    /// holds N values for each field, and `delays` is how long after its time a row was received,
    /// at least and at most, in nanoseconds.
    public mutating func addGroup(
        times: [Int64],
        columns: [Column],
        delays: (shortest: Int64, longest: Int64)
    ) throws {
        guard let timeline = footer.timelines.last, !times.isEmpty,
            times.count <= SealedLimits.rowsPerGroup,
            columns.map(\.type) == timeline.feed.fields.map(\.type),
            columns.allSatisfy({ $0.count == times.count })
        else { throw SealedFileError.timelineShape("a group does not fit its declaration") }
        try add(times.indices, times, columns, delays: delays)
    }

    /// Adds a record that could not be decoded.
    public mutating func add(
        unreadable payload: UnsafeRawBufferPointer,
        instance: String,
        epoch: Int64,
        position: Int64,
        received: Timestamp,
        reason: String
    ) throws {
        let packed = Zstandard.compress(payload)
        let isSmaller = packed.map { $0.count < payload.count } ?? false
        let bytes = isSmaller ? packed ?? [] : Array(payload)
        let place = chunk(
            bytes,
            plain: payload.count,
            isSmaller ? .zstd : .plain
        )
        try put(bytes)
        footer.unreadable.append(
            UnreadableRecord(
                instance: instance,
                epoch: epoch,
                position: position,
                received: received,
                reason: reason,
                chunk: place
            )
        )
    }

    /// Writes the footer and the trailer, twice: no damage in one place costs the file.
    public func finish() throws -> SealedFooter {
        let end = try SealedLayout.end(footer: footer, offset: offset)
        try write(end)
        try write(try SealedLayout.end(footer: footer, offset: offset + end.count))
        return footer
    }

    /// How long after its time a row was received, at least and at most.
    private static func delays(
        _ rows: Range<Int>,
        _ times: [Int64],
        _ received: [Int64]
    ) -> (shortest: Int64, longest: Int64) {
        var shortest = Int64.max
        var longest = Int64.min
        for row in rows {
            let (delay, overflow) = received[row].subtractingReportingOverflow(times[row])
            let bounded = overflow ? (received[row] < times[row] ? Int64.min : .max) : delay
            shortest = min(shortest, bounded)
            longest = max(longest, bounded)
        }
        return (shortest, longest)
    }

    /// Adds one group to the last timeline.
    private mutating func add(
        _ rows: Range<Int>,
        _ times: [Int64],
        _ columns: [Column],
        delays: (shortest: Int64, longest: Int64)
    ) throws {
        let timesChunk = try put(.ints(times), rows: rows)
        let digits = columns.map { DecimalDigits($0, rows: rows) }
        let pieces = try zip(columns, digits).map { column, digits in
            let statistics = Statistics(column, rows: rows)
            return SealedColumn(
                chunk: try put(column, rows: rows),
                statistics: digits?.rounded(statistics) ?? statistics
            )
        }
        var rollups: [SealedRollup] = []
        for tier in RollupTier.allCases {
            let buckets = Rollup.buckets(times[rows], tier: tier)
            guard Rollup.isWorthwhile(rows: rows.count, buckets: buckets.count) else { continue }
            rollups.append(try rollup(tier, buckets, columns, digits))
        }
        let group = SealedGroup(
            rows: rows.count,
            first: Timestamp(nanoseconds: times[rows.lowerBound]),
            last: Timestamp(nanoseconds: times[rows.upperBound - 1]),
            shortestDelay: delays.shortest,
            longestDelay: delays.longest,
            times: timesChunk,
            columns: pieces,
            rollups: rollups
        )
        footer.timelines[footer.timelines.count - 1].groups.append(group)
    }

    private mutating func rollup(
        _ tier: RollupTier,
        _ buckets: [(start: Int64, rows: Range<Int>)],
        _ columns: [Column],
        _ digits: [DecimalDigits?]
    ) throws -> SealedRollup {
        let starts = try put(.ints(buckets.map(\.start)), rows: buckets.indices)
        let counts = buckets.map(\.rows.count)
        let rows = try put(.ints(counts.map(Int64.init)), rows: buckets.indices)
        let pieces = try zip(columns, digits).map { column, digits -> SealedRollup.Column? in
            guard column.type != .string else { return nil }
            let statistics = buckets.map { bucket in
                let statistics = Statistics(column, rows: bucket.rows)
                return digits?.rounded(statistics) ?? statistics
            }
            let both = Rollup.columns(statistics, rows: counts)
            return SealedRollup.Column(
                counts: try both.counts.map { try put($0, rows: 0..<$0.count) },
                numbers: try both.numbers.map { try put($0, rows: buckets.indices) }
            )
        }
        return SealedRollup(
            tier: tier,
            buckets: buckets.count,
            starts: starts,
            rows: rows,
            columns: pieces
        )
    }

    /// Where the rows are cut: at jumps of more than an hour, and at the limits of a chunk.
    private static func groups(times: [Int64], columns: [Column]) -> [Range<Int>] {
        let texts = columns.compactMap { column -> [String]? in
            if case .strings(let values) = column.values { values } else { nil }
        }
        var groups: [Range<Int>] = []
        var start = 0
        var runs = 1
        var textBytes = [Int](repeating: 0, count: texts.count)
        for row in times.indices {
            for (index, values) in texts.enumerated() { textBytes[index] += values[row].utf8.count }
            guard row > start else { continue }
            let (gap, overflow) = times[row].subtractingReportingOverflow(times[row - 1])
            let isJump = overflow || gap > RollupTier.hour.nanoseconds
            let cuts = isJump && runs < SealedLimits.runsPerTimeline
            guard
                cuts || row - start >= SealedLimits.rowsPerGroup
                    || textBytes.contains(where: { $0 > SealedLimits.textBytesPerChunk })
            else { continue }
            if cuts { runs += 1 }
            groups.append(start..<row)
            start = row
            for (index, values) in texts.enumerated() { textBytes[index] = values[row].utf8.count }
        }
        if start < times.count { groups.append(start..<times.count) }
        return groups
    }

    private mutating func put(_ column: Column, rows: Range<Int>) throws -> Chunk {
        let encoded = ChunkCodec.encode(column, rows: rows)
        let place = chunk(encoded.bytes, plain: encoded.plainByteCount, encoded.encoding)
        try put(encoded.bytes)
        return place
    }

    private func chunk(_ bytes: [UInt8], plain: Int, _ encoding: ChunkEncoding) -> Chunk {
        Chunk(
            offset: offset,
            byteCount: bytes.count,
            plainByteCount: plain,
            checksum: bytes.withUnsafeBytes { crc32c($0) },
            encoding: encoding.rawValue
        )
    }

    private mutating func put(_ bytes: [UInt8]) throws {
        try write(bytes)
        offset += bytes.count
    }
}

// What compaction adds: pieces of other files as they are, and what samples amounted to.
extension SealedFileBuilder {
    /// Adds a timeline without samples, to which ``addReducedGroup(times:columns:delays:)`` adds.
    public mutating func beginReduced(_ instance: String, feed: Feed, epochs: [Int64]) {
        footer.reduced.append(
            ReducedTimeline(instance: instance, feed: feed, epochs: epochs, groups: [])
        )
    }

    /// Adds what N rows amount to, and not the rows, to the timeline that was begun last with
    /// ``beginReduced(_:feed:epochs:)``; the shapes are those of
    /// ``addGroup(times:columns:delays:)``.
    public mutating func addReducedGroup(
        times: [Int64],
        columns: [Column],
        delays: (shortest: Int64, longest: Int64)
    ) throws {
        guard let timeline = footer.reduced.last, !times.isEmpty,
            times.count <= SealedLimits.rowsPerGroup,
            columns.map(\.type) == timeline.feed.fields.map(\.type),
            columns.allSatisfy({ $0.count == times.count })
        else { throw SealedFileError.timelineShape("a group does not fit its declaration") }
        let digits = columns.map { DecimalDigits($0, rows: times.indices) }
        var rollups: [SealedRollup] = []
        for tier in RollupTier.allCases {
            let buckets = Rollup.buckets(times[...], tier: tier)
            guard
                tier == .hour || Rollup.isWorthwhile(rows: times.count, buckets: buckets.count)
            else { continue }
            rollups.append(try rollup(tier, buckets, columns, digits))
        }
        let group = ReducedGroup(
            rows: times.count,
            first: Timestamp(nanoseconds: times[0]),
            last: Timestamp(nanoseconds: times[times.count - 1]),
            shortestDelay: delays.shortest,
            longestDelay: delays.longest,
            statistics: zip(columns, digits).map { column, digits in
                let statistics = Statistics(column, rows: times.indices)
                return digits?.rounded(statistics) ?? statistics
            },
            rollups: rollups
        )
        footer.reduced[footer.reduced.count - 1].groups.append(group)
    }

    /// Adds a group of another file to the timeline that was begun last, its chunks as they are.
    ///
    /// `read` gives the bytes of a chunk of that file, whose checksum it has looked at.
    public mutating func copy(
        _ group: SealedGroup,
        read: (Chunk) throws -> [UInt8]
    ) throws {
        var copy = group
        copy.times = try self.copy(group.times, read)
        for place in copy.columns.indices {
            copy.columns[place].chunk = try self.copy(group.columns[place].chunk, read)
        }
        copy.rollups = try group.rollups.map { try self.copy($0, read) }
        footer.timelines[footer.timelines.count - 1].groups.append(copy)
    }

    /// Adds a group without samples of another file, as ``copy(_:read:)-(SealedGroup,_)`` does.
    public mutating func copy(
        _ group: ReducedGroup,
        read: (Chunk) throws -> [UInt8]
    ) throws {
        var copy = group
        copy.rollups = try group.rollups.map { try self.copy($0, read) }
        footer.reduced[footer.reduced.count - 1].groups.append(copy)
    }

    private mutating func copy(
        _ rollup: SealedRollup,
        _ read: (Chunk) throws -> [UInt8]
    ) throws -> SealedRollup {
        var copy = rollup
        copy.starts = try self.copy(rollup.starts, read)
        copy.rows = try rollup.rows.map { try self.copy($0, read) }
        copy.columns = try rollup.columns.map { column in
            try column.map { column in
                SealedRollup.Column(
                    counts: try column.counts.map { try self.copy($0, read) },
                    numbers: try column.numbers.map { try self.copy($0, read) }
                )
            }
        }
        return copy
    }

    private mutating func copy(_ chunk: Chunk, _ read: (Chunk) throws -> [UInt8]) throws -> Chunk {
        var copy = chunk
        copy.offset = offset
        try put(try read(chunk))
        return copy
    }
}
