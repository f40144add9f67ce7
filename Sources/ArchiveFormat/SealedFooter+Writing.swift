internal import MessagePack
internal import Telemetry

// The footer as a map, written where it stands: a value of each of its thousands of chunks would
// take longer than the chunks of some columns. The keys are in order, as those of values are.

extension SealedFooter {
    /// The footer as MessagePack; ``init(_:)`` reads it back.
    public var messagePack: [UInt8] {
        var writer = MessagePackWriter(capacity: 1 << 16)
        write(to: &writer)
        return writer.bytes
    }

    private func write(to writer: inout MessagePackWriter) {
        let optional = [!instances.isEmpty, part != nil, !reduced.isEmpty]
        writer.beginMap(14 + optional.count { $0 })
        writer.write("archive")
        writer.write(archive)
        writer.write("created")
        writer.write(created.nanoseconds)
        writer.write("cursors", cursors) { $0.write(to: &$1) }
        writer.write("cursors_before", cursorsBefore) { $0.write(to: &$1) }
        writer.write("damage", damage) { $1.write($0) }
        writer.write("declarations", declarations) { $0.write(to: &$1) }
        writer.write("id")
        writer.write(id)
        if !instances.isEmpty { writer.write("instances", instances) { $1.write($0) } }
        writer.write("ledger", ledger) { $1.write($0.value) }
        if let part {
            writer.write("part")
            writer.beginArray(3)
            writer.write(part.continuesTimeline)
            writer.write(part.continuesReduced)
            writer.write(part.isLast)
        }
        writer.write("parts", parts) { $1.write(Int64($0)) }
        writer.write("received", receivedFrom.nanoseconds, receivedTo.nanoseconds)
        if !reduced.isEmpty { writer.write("reduced", reduced) { $0.write(to: &$1) } }
        writer.write("sources", sources) { $1.write($0) }
        writer.write("timelines", timelines) { $0.write(to: &$1) }
        writer.write("unreadable", unreadable) { $0.write(to: &$1) }
        writer.write("version")
        writer.write(Int64(SealedLayout.version))
    }
}

extension MessagePackWriter {
    /// Writes a member of a map: an array of two integers.
    fileprivate mutating func write(_ key: String, _ first: Int64, _ second: Int64) {
        write(key)
        beginArray(2)
        write(first)
        write(second)
    }

    /// Writes a member of a map: an array, whose elements `body` writes.
    fileprivate mutating func write<Element>(
        _ key: String,
        _ elements: [Element],
        _ body: (Element, inout MessagePackWriter) -> Void
    ) {
        write(key)
        beginArray(elements.count)
        for element in elements { body(element, &self) }
    }

    /// Writes a timeline, whose groups `body` writes.
    fileprivate mutating func write<Group>(
        _ instance: String,
        _ feed: Feed,
        _ epochs: [Int64],
        _ groups: [Group],
        _ body: (Group, inout MessagePackWriter) -> Void
    ) {
        beginMap(4)
        write("declaration")
        feed.write(to: &self)
        write("epochs", epochs) { $1.write($0) }
        write("groups", groups, body)
        write("instance")
        write(instance)
    }
}

extension SealedTimeline {
    fileprivate func write(to writer: inout MessagePackWriter) {
        writer.write(instance, feed, epochs, groups) { $0.write(to: &$1) }
    }
}

extension SealedGroup {
    fileprivate func write(to writer: inout MessagePackWriter) {
        writer.beginMap(6)
        writer.write("columns", columns) { column, writer in
            writer.beginArray(2)
            column.chunk.write(to: &writer)
            column.statistics.write(to: &writer)
        }
        writer.write("delays", shortestDelay, longestDelay)
        writer.write("range", first.nanoseconds, last.nanoseconds)
        writer.write("rollups", rollups) { $0.write(to: &$1) }
        writer.write("rows")
        writer.write(Int64(rows))
        writer.write("times")
        times.write(to: &writer)
    }
}

extension ReducedTimeline {
    fileprivate func write(to writer: inout MessagePackWriter) {
        writer.write(instance, feed, epochs, groups) { $0.write(to: &$1) }
    }
}

extension ReducedGroup {
    fileprivate func write(to writer: inout MessagePackWriter) {
        writer.beginMap(5)
        writer.write("delays", shortestDelay, longestDelay)
        writer.write("range", first.nanoseconds, last.nanoseconds)
        writer.write("rollups", rollups) { $0.write(to: &$1) }
        writer.write("rows")
        writer.write(Int64(rows))
        writer.write("statistics", statistics) { $0.write(to: &$1) }
    }
}

extension SealedRollup {
    fileprivate func write(to writer: inout MessagePackWriter) {
        writer.beginMap(5)
        writer.write("buckets")
        writer.write(Int64(buckets))
        writer.write("columns", columns) { column, writer in
            guard let column else { return writer.writeNull() }
            writer.beginArray(1 + column.numbers.count)
            column.counts.write(to: &writer)
            for chunk in column.numbers { chunk.write(to: &writer) }
        }
        writer.write("rows")
        rows.write(to: &writer)
        writer.write("starts")
        starts.write(to: &writer)
        writer.write("tier")
        writer.write(tier.rawValue)
    }
}

extension Statistics {
    /// Writes `[count, NaNs, min, max, sum]`.
    fileprivate func write(to writer: inout MessagePackWriter) {
        writer.beginArray(5)
        writer.write(count)
        writer.write(notNumbers)
        writer.write(min)
        writer.write(max)
        writer.write(sum)
    }
}

extension Chunk {
    /// Writes `[offset, bytes, plain bytes, crc, encoding]`.
    fileprivate func write(to writer: inout MessagePackWriter) {
        writer.beginArray(5)
        writer.write(Int64(offset))
        writer.write(Int64(byteCount))
        writer.write(Int64(plainByteCount))
        writer.write(Int64(checksum))
        writer.write(encoding)
    }
}

extension Chunk? {
    /// Writes the chunk, or null.
    fileprivate func write(to writer: inout MessagePackWriter) {
        guard let self else { return writer.writeNull() }
        self.write(to: &writer)
    }
}

extension UnreadableRecord {
    fileprivate func write(to writer: inout MessagePackWriter) {
        writer.beginMap(6)
        writer.write("chunk")
        chunk.write(to: &writer)
        writer.write("epoch")
        writer.write(epoch)
        writer.write("instance")
        writer.write(instance)
        writer.write("position")
        writer.write(position)
        writer.write("reason")
        writer.write(reason)
        writer.write("received")
        writer.write(received.nanoseconds)
    }
}

extension KeptDeclaration {
    /// Writes `[instance, epoch, revision, frame]`.
    fileprivate func write(to writer: inout MessagePackWriter) {
        writer.beginArray(4)
        writer.write(instance)
        writer.write(epoch)
        writer.write(revision)
        frame.withUnsafeBytes { writer.write(bytes: $0) }
    }
}
