internal import Archive
internal import Telemetry

extension DataAnswer {
    /// The answer as a value for the bus, unless it is too long for one message.
    consuming func message() throws(QueryError) -> Value {
        var (bytes, texts) = (0, 0)
        for timeline in timelines {
            bytes += timeline.count * 16
            for field in timeline.fields {
                for column in field.content.columns {
                    if case .strings(let values) = column.values {
                        texts += values.count
                        bytes += values.reduce(0) { $0 + $1.utf8.count + 5 }
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
        return takeValue()
    }

    /// The answer as a value for the bus: numbers as bytes, in nanoseconds; `Query.md` draws it.
    ///
    /// Each column goes as its bytes come, which then stand in the same memory: that of a long
    /// answer is not taken from the system twice.
    private mutating func takeValue() -> Value {
        var data: [String: Value] = [:]
        for name in fields { data[name] = .map(["type": .null, "values": .bytes([])]) }
        var lines: [String: Value] = [:]
        for number in timelines.indices {
            lines[timelines[number].name] = timelines[number].value
            timelines[number].timestamps = []
            for index in timelines[number].fields.indices {
                let field = timelines[number].fields[index]
                data[field.name] = field.content.value
                timelines[number].fields[index].content = .samples(.doubles([Double]()))
            }
        }
        return [
            "data": .map(data), "timeline": .map(lines),
            "gaps": .array(gaps.map(\.value)), "marks": .array(marks.map(\.value)),
            "tier": .string(tier.rawValue), "notes": .array(notes.map { .string($0) }),
        ]
    }
}

extension TimelineAnswer {
    /// Times as bytes of Int64.
    fileprivate var value: Value {
        var members: [String: Value] = [
            "t": .bytes(packed(timestamps)),
            "fields": .array(fields.map { .string($0.name) }),
            "units": .array(fields.map { .optional($0.unit?.rawValue) }),
            "finalized_until": .timestamp(finalizedUntil),
            "revision": .int(revision),
        ]
        if let ends { members["end"] = .bytes(packed(ends)) }
        return .map(members)
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
    fileprivate var value: Value {
        switch self {
        case .samples(let column): column.value
        case .buckets(let buckets):
            .map(
                Dictionary(uniqueKeysWithValues: buckets.columns.map { ($0.name, $0.column.value) })
            )
        }
    }
}

extension Column {
    /// `{"type", "values", "presence"}`.
    fileprivate var value: Value {
        let bytes: Value =
            switch values {
            case .doubles(let values): .bytes(packed(values))
            case .ints(let values): .bytes(packed(values))
            case .bools(let values): .bytes(values.map { $0 ? 1 : 0 })
            case .strings(let values): Self.value(of: values)
            }
        var members: [String: Value] = ["type": .string(type.rawValue), "values": bytes]
        if let presence { members["presence"] = .bytes(bitmap(presence)) }
        return .map(members)
    }
}

extension Column {
    /// `{"texts", "places"}`: each text once, and which of them each row has; states repeat.
    private static func value(of values: [String]) -> Value {
        var places: [String: UInt32] = [:]
        var texts: [Value] = []
        var last: (text: String, place: UInt32)?
        let rows = values.map { text in
            if let last, last.text == text { return last.place }
            let place = places[text] ?? UInt32(texts.count)
            if place == texts.count {
                places[text] = place
                texts.append(.string(text))
            }
            last = (text, place)
            return place
        }
        return ["texts": .array(texts), "places": .bytes(packed(rows))]
    }
}

/// The values as they stand in memory: one after the other, lowest byte first, as on every machine
/// that Swift and libzmq are built for here.
private func packed<Element: BitwiseCopyable>(_ values: [Element]) -> [UInt8] {
    values.withUnsafeBytes { bytes in
        [UInt8](unsafeUninitializedCapacity: bytes.count) { buffer, count in
            UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
            count = bytes.count
        }
    }
}

/// One bit a flag, the first in the lowest bit of the first byte.
private func bitmap(_ flags: [Bool]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: (flags.count + 7) / 8)
    for (index, flag) in flags.enumerated() where flag { bytes[index / 8] |= 1 << (index % 8) }
    return bytes
}
