public import Telemetry

// What `SealedFooter+Writing.swift` writes, read back. Readers skip keys that they do not know: a
// later writer may add some.

extension SealedFooter {
    /// Reads a footer.
    public init(_ value: Value) throws(SealedFileError) {
        guard let id = value["id"]?.string, let archive = value["archive"]?.string,
            let created = value["created"]?.timestamp,
            let received = value["received"]?.array, received.count >= 2,
            let from = received[0].timestamp, let to = received[1].timestamp
        else { throw .footer("id, archive, created or received is missing") }
        self.init(
            id: id,
            archive: archive,
            created: created,
            sources: try list(value, "sources") { $0.string },
            receivedFrom: from,
            receivedTo: to
        )
        cursorsBefore = try list(value, "cursors_before", Cursor.init)
        cursors = try list(value, "cursors", Cursor.init)
        if value["instances"] != nil { instances = try list(value, "instances") { $0.string } }
        timelines = try list(value, "timelines", SealedTimeline.init)
        if value["reduced"] != nil { reduced = try list(value, "reduced", ReducedTimeline.init) }
        ledger = try list(value, "ledger", LedgerEntry.init)
        unreadable = try list(value, "unreadable", UnreadableRecord.init)
        declarations = try list(value, "declarations", KeptDeclaration.init)
        damage = try list(value, "damage") { $0.string }
        if value["parts"] != nil {
            parts = try list(value, "parts") { $0.int.map(Int.init) }
            guard parts.count <= SealedLimits.partsPerFooter else {
                throw .footer(
                    "it names \(parts.count) parts, more than \(SealedLimits.partsPerFooter)"
                )
            }
        }
        if value["part"] != nil {
            let flags = try list(value, "part") { $0.bool }
            guard flags.count >= 3 else { throw .footer("`part` is not as expected") }
            part = SealedPart(
                continuesTimeline: flags[0],
                continuesReduced: flags[1],
                isLast: flags[2]
            )
        }
    }
}

/// The elements of the array under `key`, none of which may be damaged.
private func list<Element>(
    _ value: Value,
    _ key: String,
    _ read: (Value) -> Element?
) throws(SealedFileError) -> [Element] {
    guard let values = value[key]?.array else { throw .footer("`\(key)` is missing") }
    guard let elements = all(values, read) else { throw .footer("`\(key)` is not as expected") }
    return elements
}

private func all<Element>(_ values: [Value]?, _ read: (Value) -> Element?) -> [Element]? {
    guard let values else { return nil }
    let elements = values.compactMap(read)
    return elements.count == values.count ? elements : nil
}

extension Cursor {
    init?(_ value: Value) {
        guard let parts = value.array, parts.count >= 5, let instance = parts[0].string,
            let epoch = parts[1].int, let position = parts[2].int,
            LedgerEntry.possiblePositions.contains(position),
            let crc = parts[3].int.flatMap(UInt32.init(exactly:)), let isFinished = parts[4].bool
        else { return nil }
        self.init(
            instance: instance,
            epoch: epoch,
            position: position,
            crc: crc,
            isFinished: isFinished
        )
    }
}

extension SealedTimeline {
    init?(_ value: Value) {
        guard let instance = value["instance"]?.string,
            let feed = value["declaration"].flatMap(Feed.init),
            let epochs = all(value["epochs"]?.array, \.int),
            let groups = all(value["groups"]?.array, SealedGroup.init),
            groups.allSatisfy({ $0.columns.count == feed.fields.count }),
            groups.flatMap(\.rollups).allSatisfy({ $0.columns.count == feed.fields.count })
        else { return nil }
        self.init(instance: instance, feed: feed, epochs: epochs, groups: groups)
    }
}

extension SealedGroup {
    init?(_ value: Value) {
        guard let rows = value["rows"]?.int, (1...Int64(SealedLimits.rowsPerGroup)).contains(rows),
            let range = all(value["range"]?.array, \.timestamp), range.count >= 2,
            let delays = all(value["delays"]?.array, \.int), delays.count >= 2,
            let times = Chunk(value["times"]),
            let rollups = all(value["rollups"]?.array, SealedRollup.init)
        else { return nil }
        let columns = all(value["columns"]?.array) { column -> SealedColumn? in
            guard let parts = column.array, parts.count >= 2, let chunk = Chunk(parts[0]),
                let statistics = Statistics(parts[1])
            else { return nil }
            return SealedColumn(chunk: chunk, statistics: statistics)
        }
        guard let columns else { return nil }
        self.init(
            rows: Int(rows),
            first: range[0],
            last: range[1],
            shortestDelay: delays[0],
            longestDelay: delays[1],
            times: times,
            columns: columns,
            rollups: rollups
        )
    }
}

extension ReducedTimeline {
    init?(_ value: Value) {
        guard let instance = value["instance"]?.string,
            let feed = value["declaration"].flatMap(Feed.init),
            let epochs = all(value["epochs"]?.array, \.int),
            let groups = all(value["groups"]?.array, ReducedGroup.init),
            groups.allSatisfy({ $0.statistics.count == feed.fields.count }),
            groups.flatMap(\.rollups).allSatisfy({ $0.columns.count == feed.fields.count })
        else { return nil }
        self.init(instance: instance, feed: feed, epochs: epochs, groups: groups)
    }
}

extension ReducedGroup {
    init?(_ value: Value) {
        guard let rows = value["rows"]?.int, (1...Int64(SealedLimits.rowsPerGroup)).contains(rows),
            let range = all(value["range"]?.array, \.timestamp), range.count >= 2,
            let delays = all(value["delays"]?.array, \.int), delays.count >= 2,
            let statistics = all(value["statistics"]?.array, { Statistics($0) }),
            let rollups = all(value["rollups"]?.array, SealedRollup.init)
        else { return nil }
        self.init(
            rows: Int(rows),
            first: range[0],
            last: range[1],
            shortestDelay: delays[0],
            longestDelay: delays[1],
            statistics: statistics,
            rollups: rollups
        )
    }
}

extension SealedRollup {
    init?(_ value: Value) {
        guard let tier = value["tier"]?.string.flatMap(RollupTier.init),
            let buckets = value["buckets"]?.int,
            (1...Int64(SealedLimits.rowsPerGroup)).contains(buckets),
            let starts = Chunk(value["starts"])
        else { return nil }
        let columns = all(value["columns"]?.array) { column -> Column?? in
            if column == .null { return .some(nil) }
            guard let parts = column.array, parts.count == 2 || parts.count >= 4,
                let numbers = all(Array(parts.dropFirst().prefix(3)), { Chunk($0) })
            else { return nil }
            return Column(counts: Chunk(parts[0]), numbers: numbers)
        }
        guard let columns else { return nil }
        let rows = Chunk(value["rows"])
        guard rows != nil || columns.allSatisfy({ $0?.counts != nil || $0 == nil }) else {
            return nil
        }
        self.init(
            tier: tier,
            buckets: Int(buckets),
            starts: starts,
            rows: rows,
            columns: columns
        )
    }
}

extension UnreadableRecord {
    init?(_ value: Value) {
        guard let instance = value["instance"]?.string, let epoch = value["epoch"]?.int,
            let position = value["position"]?.int, let received = value["received"]?.timestamp,
            let reason = value["reason"]?.string, let chunk = Chunk(value["chunk"])
        else { return nil }
        self.init(
            instance: instance,
            epoch: epoch,
            position: position,
            received: received,
            reason: reason,
            chunk: chunk
        )
    }
}

extension KeptDeclaration {
    init?(_ value: Value) {
        guard let parts = value.array, parts.count >= 4, let instance = parts[0].string,
            let epoch = parts[1].int, let revision = parts[2].int, let frame = parts[3].bytes
        else { return nil }
        self.init(instance: instance, epoch: epoch, revision: revision, frame: frame)
    }
}
