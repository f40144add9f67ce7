public import Telemetry

/// Writes a sealed file from beginning to end into whatever takes bytes.
public struct SealedFileBuilder {
    /// What the footer will say; ``add(_:feed:epochs:times:received:columns:)`` adds to it.
    ///
    /// What it says of cursors, ledger and declarations before the first group is added, a file
    /// that is cut still says.
    public var footer: SealedFooter
    /// What stands behind the chunks, once it is finished: the last part and the footer, with their
    /// trailers.
    public private(set) var end: [UInt8] = []
    private let write: ([UInt8]) throws -> Void
    private let encoder = ChunkEncoder()
    private let compressor = Zstandard.Compressor()
    private var waiting: [UInt8] = []
    private var offset = 0
    /// What the parts of the footer that are written describe.
    private var described = DescribedContent()
    /// Where they end.
    private var parts: [Int] = []

    /// A file whose bytes go to `write`, in order; the head at once.
    public init(_ footer: SealedFooter, write: @escaping ([UInt8]) throws -> Void) throws {
        self.footer = footer
        self.footer.part = nil
        self.write = write
        waiting.reserveCapacity(2 * SealedLimits.bytesPerWrite)
        try SealedLayout.head().withUnsafeBytes { try put($0) }
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
        guard columns.count == feed.fields.count else {
            throw SealedFileError.timelineShape("\(instance).\(feed.name): columns do not fit")
        }
        try add(
            instance,
            feed: feed,
            epochs: epochs,
            times: times,
            received: received,
            column: { SourceColumn(columns[$0]) }
        )
    }

    /// Adds N rows of a feed, of which `column` makes the column of a field when it is asked for.
    ///
    /// The values of row k stand in it at `order[k]`, or at k where that is nil.
    public mutating func add(
        _ instance: String,
        feed: Feed,
        epochs: [Int64],
        times: [Int64],
        received: [Int64],
        order: [Int]? = nil,
        column: (Int) -> SourceColumn
    ) throws {
        guard received.count == times.count else {
            throw SealedFileError.timelineShape("\(instance).\(feed.name): columns do not fit")
        }
        func checked(_ place: Int) throws -> SourceColumn {
            let column = column(place)
            guard column.count == times.count else {
                throw SealedFileError.timelineShape("\(instance).\(feed.name): columns do not fit")
            }
            guard column.type == feed.fields[place].type else {
                throw SealedFileError.timelineShape("\(instance).\(feed.name): types do not fit")
            }
            return column
        }
        let texts = try feed.fields.indices.filter { feed.fields[$0].type == .string }.map(checked)
        let groups = Self.groups(times: times, texts: texts, order: order)
        // Of one group each column is made when it is written: its memory, which is in the cache
        // still, serves the next one.
        let made = groups.count == 1 ? nil : try feed.fields.indices.map(checked)
        begin(instance, feed: feed, epochs: epochs)
        for rows in groups {
            let delays = Self.delays(rows, times, received)
            // One column at a time: a group of a wide feed would not fit twice.
            try add(rows, times, delays: delays) { place in
                let column = try made?[place] ?? checked(place)
                return order.map { (column.rows($0[rows]), 0) } ?? (column, rows.lowerBound)
            }
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
        try add(times.indices, times, delays: delays) { (SourceColumn(columns[$0]), 0) }
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
        let squeezed = Zstandard.compress(payload).flatMap { $0.count < payload.count ? $0 : nil }
        let place = try (squeezed ?? Array(payload)).withUnsafeBytes {
            try chunk($0, plain: payload.count, squeezed == nil ? .plain : .zstd)
        }
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

    /// Writes the last part and the footer, which says what all parts say: no damage in one place
    /// costs the file.
    public mutating func finish() throws -> SealedFooter {
        let last = try part(isLast: true)
        try flush()
        footer.parts = parts
        let whole = try SealedLayout.end(footer: footer, offset: offset, compressor)
        end = last + whole
        try write(whole)
        return footer
    }

    /// Writes a part of the footer if enough stands behind the last one; groups are whole.
    private mutating func describe() throws {
        let eighth = min(max(offset / 8, SealedLimits.shortestPart), SealedLimits.longestPart)
        let enough = max(eighth, offset / SealedLimits.partShare)
        if offset - (parts.last ?? 0) >= enough { _ = try part(isLast: false) }
    }

    /// Writes a part of the footer; returns it with its trailer.
    private mutating func part(isLast: Bool) throws -> [UInt8] {
        let end = try SealedLayout.end(
            footer: described.part(of: footer, behind: parts, isLast: isLast),
            offset: offset,
            compressor
        )
        described = DescribedContent(of: footer)
        try end.withUnsafeBytes { try put($0) }
        parts.append(offset)
        return end
    }

    /// Adds one group to the last timeline; `column` gives the column of a field, and the place of
    /// the group's first row in it.
    private mutating func add(
        _ rows: Range<Int>,
        _ times: [Int64],
        delays: (shortest: Int64, longest: Int64),
        column: (Int) throws -> (SourceColumn, first: Int)
    ) throws {
        let fields = footer.timelines.last?.feed.fields.indices ?? 0..<0
        let timesChunk = try put(SourceColumn(.ints(times)), rows: rows)
        let tiers = Rollup.tiers(times[rows])
        var rollups = try tiers.map { try begin($0) }
        var pieces: [SealedColumn] = []
        for place in fields {
            let (column, first) = try column(place)
            let rows = first..<(first + rows.count)
            let chunk = try put(column, rows: rows)
            let amounts = ColumnAmounts(of: column, rows, tiers, encodedBy: encoder)
            pieces.append(SealedColumn(chunk: chunk, statistics: amounts.whole))
            for number in tiers.indices {
                rollups[number].columns.append(try put(amounts.tiers[number], tiers[number]))
            }
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
        try describe()
    }

    /// A roll-up without columns.
    private mutating func begin(_ tier: TierBuckets) throws -> SealedRollup {
        SealedRollup(
            tier: tier.tier,
            buckets: tier.starts.count,
            starts: try put(.ints(tier.starts)),
            rows: try put(.ints(tier.rows.map { Int64($0.count) })),
            columns: []
        )
    }

    /// Writes what a column amounts to in the buckets of a tier; nil for texts.
    private mutating func put(
        _ amounts: ColumnAmounts.Tier?,
        _ tier: TierBuckets
    ) throws -> SealedRollup.Column? {
        switch amounts {
        case nil: return nil
        case .integers(let summaries, let scaling):
            return SealedRollup.Column(
                counts: nil,
                numbers: [
                    try put(summaries.map { $0.least }, scaling),
                    try put(summaries.map { $0.most }, scaling),
                    try put(summaries.map { $0.sum }, scaling),
                ]
            )
        case .statistics(let statistics):
            let both = Rollup.columns(statistics, rows: tier.rows.map { $0.count })
            return SealedRollup.Column(
                counts: try both.counts.map { try put($0) },
                numbers: try both.numbers.map { try put($0) }
            )
        }
    }

    private mutating func put(_ column: SourceColumn, rows: Range<Int>) throws -> Chunk {
        let (encoding, plain) = encoder.encode(column, rows: rows)
        return try chunk(encoder.bytes, plain: plain, encoding)
    }

    private mutating func put(_ column: Column) throws -> Chunk {
        try put(SourceColumn(column), rows: 0..<column.count)
    }

    private mutating func put(_ integers: [Int64], _ scaling: ExactScaling) throws -> Chunk {
        let (encoding, plain) = integers.withUnsafeBufferPointer { encoder.encode($0, scaling) }
        return try chunk(encoder.bytes, plain: plain, encoding)
    }

    /// Writes a chunk, and returns its place.
    private mutating func chunk(
        _ bytes: UnsafeRawBufferPointer,
        plain: Int,
        _ encoding: ChunkEncoding
    ) throws -> Chunk {
        let place = offset
        try put(bytes)
        return Chunk(
            offset: place,
            byteCount: bytes.count,
            plainByteCount: plain,
            checksum: crc32c(bytes),
            encoding: encoding.rawValue
        )
    }

    private mutating func put(_ bytes: UnsafeRawBufferPointer) throws {
        waiting.append(contentsOf: bytes)
        offset += bytes.count
        if waiting.count >= SealedLimits.bytesPerWrite { try flush() }
    }

    private mutating func flush() throws {
        try write(waiting)
        waiting.removeAll(keepingCapacity: true)
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
        let tiers = Rollup.tiers(times[...], alwaysHours: true)
        var rollups = try tiers.map { try begin($0) }
        var amounts: [Statistics] = []
        for column in columns.map({ SourceColumn($0) }) {
            _ = encoder.encode(column, rows: times.indices)
            let own = ColumnAmounts(of: column, times.indices, tiers, encodedBy: encoder)
            amounts.append(own.whole)
            for number in tiers.indices {
                rollups[number].columns.append(try put(own.tiers[number], tiers[number]))
            }
        }
        let group = ReducedGroup(
            rows: times.count,
            first: Timestamp(nanoseconds: times[0]),
            last: Timestamp(nanoseconds: times[times.count - 1]),
            shortestDelay: delays.shortest,
            longestDelay: delays.longest,
            statistics: amounts,
            rollups: rollups
        )
        footer.reduced[footer.reduced.count - 1].groups.append(group)
        try describe()
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
        try describe()
    }

    /// Adds a group without samples of another file, as ``copy(_:read:)-(SealedGroup,_)`` does.
    public mutating func copy(
        _ group: ReducedGroup,
        read: (Chunk) throws -> [UInt8]
    ) throws {
        var copy = group
        copy.rollups = try group.rollups.map { try self.copy($0, read) }
        footer.reduced[footer.reduced.count - 1].groups.append(copy)
        try describe()
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
        try read(chunk).withUnsafeBytes { try put($0) }
        return copy
    }
}
