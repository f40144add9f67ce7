public import Telemetry

extension DataAnswer {
    /// Reads the answer that a reader sent over the bus; nil if it is none.
    ///
    /// Timelines come by name and fields as their timelines list them; those without data by name.
    public init?(message value: Value) {
        guard let data = value["data"]?.map, let lines = value["timeline"]?.map,
            let gaps = value["gaps"]?.array, let notes = value["notes"]?.array,
            let tier = value["tier"]?.string.flatMap(Tier.init)
        else { return nil }
        var timelines: [TimelineAnswer] = []
        for (name, line) in lines.sorted(by: { $0.key < $1.key }) {
            guard let timeline = TimelineAnswer(name, line, data) else { return nil }
            timelines.append(timeline)
        }
        let present = timelines.flatMap { $0.fields.map(\.name) }
        self.init(
            fields: present + data.keys.filter { !present.contains($0) }.sorted(),
            timelines: timelines,
            gaps: gaps.compactMap(LedgerEntry.init),
            tier: tier,
            notes: notes.compactMap(\.string)
        )
    }
}

extension TimelineAnswer {
    fileprivate init?(_ name: String, _ line: Value, _ data: [String: Value]) {
        guard let times = line["t"]?.bytes.flatMap(integers),
            let names = line["fields"]?.array?.compactMap(\.string),
            let finalizedUntil = line["finalized_until"]?.timestamp,
            let revision = line["revision"]?.int
        else { return nil }
        let ends = line["end"]?.bytes.flatMap(integers)
        guard ends.map({ $0.count == times.count }) ?? true else { return nil }
        var fields: [FieldAnswer] = []
        for field in names {
            guard let value = data[field],
                let content = FieldAnswer.Content(
                    value,
                    count: times.count,
                    isBuckets: ends != nil
                )
            else { return nil }
            fields.append(FieldAnswer(name: field, content: content))
        }
        self.init(
            name: name,
            timestamps: times.map(Timestamp.init(nanoseconds:)),
            ends: ends?.map(Timestamp.init(nanoseconds:)),
            fields: fields,
            finalizedUntil: finalizedUntil,
            revision: revision
        )
    }
}

extension FieldAnswer.Content {
    fileprivate init?(_ value: Value, count: Int, isBuckets: Bool) {
        guard isBuckets else {
            guard let column = Column(value, count: count) else { return nil }
            self = .samples(column)
            return
        }
        var columns: [String: Column] = [:]
        for name in ["count", "min", "max", "mean", "first", "last"] {
            columns[name] = value[name].flatMap { Column($0, count: count) }
        }
        guard case .ints(let counts) = columns["count"]?.values, let min = columns["min"],
            let max = columns["max"], let mean = columns["mean"], let first = columns["first"],
            let last = columns["last"]
        else { return nil }
        self = .buckets(
            BucketColumns(count: counts, min: min, max: max, mean: mean, first: first, last: last)
        )
    }
}

extension Column {
    fileprivate init?(_ value: Value, count: Int) {
        guard let type = value["type"]?.string.flatMap(FieldType.init),
            let content = value["values"]
        else { return nil }
        let values: Values?
        switch type {
        case .double:
            values = content.bytes.flatMap(integers).map { numbers in
                .doubles(numbers.map { Double(bitPattern: UInt64(bitPattern: $0)) })
            }
        case .int: values = content.bytes.flatMap(integers).map { .ints($0) }
        case .bool: values = content.bytes.map { .bools($0.map { $0 != 0 }) }
        case .string:
            values = content.array.map { texts in .strings(texts.map { $0.string ?? "" }) }
        }
        guard let values else { return nil }
        var presence: [Bool]?
        if let bits = value["presence"]?.bytes {
            guard bits.count == (count + 7) / 8 else { return nil }
            presence = (0..<count).map { bits[$0 / 8] >> ($0 % 8) & 1 == 1 }
        }
        self.init(values, presence: presence)
        guard self.count == count else { return nil }
    }
}

/// Integers of eight bytes, lowest first; nil if a part of one is left over.
private func integers(_ bytes: [UInt8]) -> [Int64]? {
    guard bytes.count % 8 == 0 else { return nil }
    return bytes.withUnsafeBytes { raw in
        (0..<bytes.count / 8).map {
            Int64(littleEndian: raw.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self))
        }
    }
}
