internal import Archive
internal import MessageBus
internal import MessagePack
internal import Telemetry

// The answer as one message of the bus: numbers as bytes, in nanoseconds; `Query.md` draws it.
// Each column goes straight from where it stands into the bytes of the reply.

extension DataAnswer {
    /// The answer for the bus, unless it is too long for one message.
    func message() throws(QueryError) -> LongResult {
        var (bytes, texts) = (0, 0)
        for timeline in timelines {
            bytes += timeline.count * 16
            for field in timeline.fields {
                for column in field.content.columns {
                    if case .strings(let values) = column.values {
                        texts += values.count
                        values.forEachRun { bytes += $1.count * ($0.utf8.count + 5) }
                    } else {
                        bytes += column.count * 9
                    }
                }
            }
        }
        let advice = "ask for a shorter time or fewer fields at a time, or over HTTP"
        guard bytes <= ReaderLimits.messageBytes else {
            throw .limit(
                what: "bytes",
                found: bytes,
                limit: ReaderLimits.messageBytes,
                advice: advice
            )
        }
        guard texts <= ReaderLimits.messageTexts else {
            throw .limit(
                what: "texts",
                found: texts,
                limit: ReaderLimits.messageTexts,
                advice: advice
            )
        }
        return LongResult(byteCount: bytes + fields.count * ReaderLimits.fieldOverhead) {
            write(to: &$0)
        }
    }

    /// Members of maps stand in the order of their keys, as in all that is sent.
    private func write(to writer: inout MessagePackWriter) {
        var contents: [String: FieldAnswer.Content?] = [:]
        for name in fields { contents[name] = .some(nil) }
        for field in timelines.flatMap(\.fields) { contents[field.name] = field.content }
        writer.beginMap(6)
        writer.write("data")
        writer.beginMap(contents.count)
        for (name, content) in contents.sorted(by: { $0.key < $1.key }) {
            writer.write(name)
            if let content {
                content.write(to: &writer)
            } else {
                writer.write(["type": .null, "values": .bytes([])] as Value)
            }
        }
        for (key, rows) in [("gaps", gaps), ("marks", marks)] {
            writer.write(key)
            writer.write(.array(rows.map(\.value)))
        }
        writer.write("notes")
        writer.write(.array(notes.map { .string($0) }))
        writer.write("tier")
        writer.write(tier.rawValue)
        writer.write("timeline")
        writer.beginMap(timelines.count)
        for timeline in timelines.sorted(by: { $0.name < $1.name }) {
            writer.write(timeline.name)
            timeline.write(to: &writer)
        }
    }
}

extension TimelineAnswer {
    /// Times as bytes of Int64.
    fileprivate func write(to writer: inout MessagePackWriter) {
        writer.beginMap(ends == nil ? 5 : 6)
        if let ends {
            writer.write("end")
            writer.write(packed: ends)
        }
        writer.write("fields")
        writer.write(.array(fields.map { .string($0.name) }))
        writer.write("finalized_until")
        writer.write(finalizedUntil.nanoseconds)
        writer.write("revision")
        writer.write(revision)
        writer.write("t")
        writer.write(packed: timestamps)
        writer.write("units")
        writer.write(.array(fields.map { .optional($0.unit?.rawValue) }))
    }
}

extension FieldAnswer.Content {
    /// The one column, or those of the statistics.
    fileprivate var columns: [Column] {
        switch self {
        case .samples(let column): [column]
        case .buckets(let buckets): buckets.columns.map(\.column)
        }
    }

    /// One column, or the columns of buckets by name.
    fileprivate func write(to writer: inout MessagePackWriter) {
        switch self {
        case .samples(let column): column.write(to: &writer)
        case .buckets(let buckets):
            let columns = buckets.columns.sorted { $0.name < $1.name }
            writer.beginMap(columns.count)
            for (name, column) in columns {
                writer.write(name)
                column.write(to: &writer)
            }
        }
    }
}

extension Column {
    /// `{"presence", "type", "values"}`, the first of them only where values are missing.
    fileprivate func write(to writer: inout MessagePackWriter) {
        writer.beginMap(presence == nil ? 2 : 3)
        if let presence {
            writer.write("presence")
            writer.write(packed: bitmap(presence))
        }
        writer.write("type")
        writer.write(type.rawValue)
        writer.write("values")
        switch values {
        case .doubles(let values): writer.write(packed: values)
        case .ints(let values): writer.write(packed: values)
        // Each a byte of 0 or 1.
        case .bools(let values): writer.write(packed: values)
        case .strings(let values): Self.write(values, to: &writer)
        }
    }

    /// `{"places", "texts"}`: each text once, and which of them each row has; states repeat.
    private static func write(_ values: [String], to writer: inout MessagePackWriter) {
        var known: [String: UInt32] = [:]
        var texts: [Value] = []
        var places: [UInt32] = []
        places.reserveCapacity(values.count)
        values.forEachRun { text, rows in
            let place = known[text] ?? UInt32(texts.count)
            if place == texts.count {
                known[text] = place
                texts.append(.string(text))
            }
            places.append(contentsOf: repeatElement(place, count: rows.count))
        }
        writer.beginMap(2)
        writer.write("places")
        writer.write(packed: places)
        writer.write("texts")
        writer.write(.array(texts))
    }
}

extension [String] {
    /// Calls `body` with each text and the rows that have it one after the other.
    fileprivate func forEachRun(_ body: (String, Range<Int>) -> Void) {
        var start = 0
        while start < count {
            let text = self[start]
            let end = self[start...].firstIndex { $0 != text } ?? count
            body(text, start..<end)
            start = end
        }
    }
}

extension MessagePackWriter {
    /// Writes values as they stand in memory: one after the other, lowest byte first, as on every
    /// machine that Swift and libzmq are built for here.
    fileprivate mutating func write<Element: BitwiseCopyable>(packed values: [Element]) {
        values.withUnsafeBytes { write(bytes: $0) }
    }
}

/// One bit a flag, the first in the lowest bit of the first byte.
private func bitmap(_ flags: [Bool]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: (flags.count + 7) / 8)
    for (index, flag) in flags.enumerated() where flag { bytes[index / 8] |= 1 << (index % 8) }
    return bytes
}
