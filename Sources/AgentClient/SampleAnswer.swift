public import Telemetry

/// The reader's answer to `get_data`, decoded: timelines with columns, and what is missing.
public struct SampleAnswer: Sendable {
    /// Fields that share their times: N samples, or N buckets.
    public struct Timeline: Sendable {
        /// The name, `instance.feed`.
        public var name: String
        /// N times: of samples, or the starts of buckets.
        public var times: [Timestamp]
        /// The N ends of the buckets; nil where these are samples.
        public var ends: [Timestamp]?
        /// The columns by name: a field, or `field:statistic`; each of N values.
        public var columns: [(name: String, column: Column)]
        /// The units of the fields that have one.
        public var units: [String: String]
        /// Samples before it will not change any more.
        public var finalizedUntil: Timestamp
        /// Grows when a late sample changed what was final.
        public var revision: Int64

        /// A timeline of those columns, each of as many values as there are times.
        public init(
            name: String,
            times: [Timestamp],
            ends: [Timestamp]? = nil,
            columns: [(name: String, column: Column)],
            units: [String: String] = [:],
            finalizedUntil: Timestamp,
            revision: Int64 = 0
        ) {
            self.name = name
            self.times = times
            self.ends = ends
            self.columns = columns
            self.units = units
            self.finalizedUntil = finalizedUntil
            self.revision = revision
        }
    }

    /// The timelines that have data, by name.
    public var timelines: [Timeline] = []
    /// What is known to be missing.
    public var gaps: [LedgerEntry] = []
    /// Where samples are there, and the clock that dated them was off.
    public var marks: [LedgerEntry] = []
    /// Where the numbers were read from.
    public var tier = "raw"
    /// What a person should know about the answer.
    public var notes: [String] = []

    /// An answer without data.
    public init() {}

    /// Decodes an answer; nil if it is none.
    public init?(_ value: Value) {
        guard let data = value["data"]?.map, let lines = value["timeline"]?.map,
            let tier = value["tier"]?.string
        else { return nil }
        self.tier = tier
        gaps = value["gaps"]?.array?.compactMap(LedgerEntry.init) ?? []
        marks = value["marks"]?.array?.compactMap(LedgerEntry.init) ?? []
        notes = value["notes"]?.array?.compactMap(\.string) ?? []
        for (name, line) in lines.sorted(by: { $0.key < $1.key }) {
            guard let timeline = Timeline(name: name, line, data) else { return nil }
            timelines.append(timeline)
        }
    }

    /// Appends the answer for the time that follows this one's.
    public mutating func append(_ next: SampleAnswer) {
        for timeline in next.timelines {
            guard let index = timelines.firstIndex(where: { $0.name == timeline.name }) else {
                timelines.append(timeline)
                continue
            }
            notes += timelines[index].append(timeline)
        }
        timelines.sort { $0.name < $1.name }
        gaps += next.gaps.filter { !gaps.contains($0) }
        marks += next.marks.filter { !marks.contains($0) }
        notes += next.notes.filter { !notes.contains($0) }
    }
}

extension SampleAnswer.Timeline {
    /// The statistics of buckets, in the order in which they are shown.
    private static let statistics = ["count", "nans", "min", "max", "mean", "first", "last"]

    fileprivate init?(name: String, _ line: Value, _ data: [String: Value]) {
        guard let times = line["t"]?.bytes, let fields = line["fields"]?.array else { return nil }
        self.name = name
        self.times = unpacked(times)
        ends = line["end"]?.bytes.map(unpacked)
        finalizedUntil = line["finalized_until"]?.timestamp ?? Timestamp(nanoseconds: 0)
        revision = line["revision"]?.int ?? 0
        let units = zip(fields.compactMap(\.string), line["units"]?.array ?? [])
        self.units = Dictionary(
            units.compactMap { name, unit in unit.string.map { (name, $0) } }
        ) { $1 }
        columns = []
        for field in fields.compactMap(\.string) {
            guard let content = data[field] else { return nil }
            if content["type"]?.string != nil {
                guard let column = Column(content) else { return nil }
                columns.append((field, column))
            } else {
                columns += Self.statistics.compactMap { statistic in
                    content[statistic].flatMap(Column.init).map { ("\(field):\(statistic)", $0) }
                }
            }
        }
        guard columns.allSatisfy({ $0.column.count == self.times.count }) else { return nil }
    }

    /// Appends what follows; a column that only one of the two has is missing in the other.
    ///
    /// Values of another type or unit than those that follow are kept apart, as the reader does it
    /// within one answer: they are missing here.
    ///
    /// - Returns: a sentence for each field of which values are kept apart.
    fileprivate mutating func append(_ next: SampleAnswer.Timeline) -> [String] {
        var notes: [String] = []
        let count = times.count
        for (name, column) in next.columns {
            guard let index = columns.firstIndex(where: { $0.name == name }) else {
                columns.append((name, column.missing(count)))
                continue
            }
            let former = columns[index].column
            guard !former.stands(with: column) || units[name] != next.units[name] else { continue }
            let values = (0..<former.count).count(where: former.isPresent)
            if values > 0, let first = next.times.first {
                notes.append(
                    "\(name): \(values) values before \(first) were declared "
                        + "\(former.type.rawValue)\(units[name].map { " in \($0)" } ?? ""), unlike "
                        + "those after; they are kept apart and not in this answer: ask for that "
                        + "time alone"
                )
            }
            columns[index].column = column.missing(count)
        }
        times += next.times
        ends = ends.map { $0 + (next.ends ?? []) }
        finalizedUntil = max(finalizedUntil, next.finalizedUntil)
        revision = max(revision, next.revision)
        units.merge(next.units) { $1 }
        for index in columns.indices {
            let more = next.columns.first { $0.name == columns[index].name }?.column
            columns[index].column.append(
                more ?? columns[index].column.missing(next.times.count)
            )
        }
        return notes
    }
}

extension Column {
    /// Decodes `{"type", "values", "presence"}`; nil if it is none.
    fileprivate init?(_ value: Value) {
        guard let type = value["type"]?.string.flatMap(FieldType.init), let given = value["values"]
        else { return nil }
        let bytes = given.bytes ?? []
        switch type {
        case .double: self = .doubles(unpacked(bytes) as [Double])
        case .int: self = .ints(unpacked(bytes) as [Int64])
        case .bool: self = .bools(bytes.map { $0 != 0 })
        case .string:
            guard let texts = given["texts"]?.array?.compactMap(\.string),
                let places = given["places"]?.bytes.map({ unpacked($0) as [UInt32] }),
                places.allSatisfy({ $0 < texts.count })
            else { return nil }
            self = .strings(places.map { texts[Int($0)] })
        }
        guard let bits = value["presence"]?.bytes else { return }
        guard bits.count * 8 >= count else { return nil }
        presence = (0..<count).map { bits[$0 / 8] >> ($0 % 8) & 1 == 1 }
    }

    /// A column of this type in which `count` values are missing.
    fileprivate func missing(_ count: Int) -> Column {
        let absent = [Bool](repeating: false, count: count)
        return switch type {
        case .double: Column(.doubles(.init(repeating: 0, count: count)), presence: absent)
        case .int: Column(.ints(.init(repeating: 0, count: count)), presence: absent)
        case .bool: Column(.bools(absent), presence: absent)
        case .string: Column(.strings(.init(repeating: "", count: count)), presence: absent)
        }
    }

    /// Whether the values may stand in one column with those of `next`.
    fileprivate func stands(with next: Column) -> Bool {
        type == next.type || Set([type, next.type]) == [.double, .int]
    }

    /// Appends another column; whole numbers become doubles where the other has doubles.
    fileprivate mutating func append(_ next: Column) {
        let own = presence ?? .init(repeating: true, count: count)
        let more = next.presence ?? .init(repeating: true, count: next.count)
        switch (values, next.values) {
        case (.doubles(let first), .doubles(let second)): values = .doubles(first + second)
        case (.ints(let first), .ints(let second)): values = .ints(first + second)
        case (.bools(let first), .bools(let second)): values = .bools(first + second)
        case (.strings(let first), .strings(let second)): values = .strings(first + second)
        case (.ints(let first), .doubles(let second)):
            values = .doubles(first.map(Double.init) + second)
        case (.doubles(let first), .ints(let second)):
            values = .doubles(first + second.map(Double.init))
        default: preconditionFailure("columns that do not stand together are kept apart before")
        }
        presence = own + more
    }
}

/// The values of eight bytes that stand in the bytes, lowest byte first; a part at the end is left
/// out.
private func unpacked<Element: BitwiseCopyable>(_ bytes: [UInt8]) -> [Element] {
    let size = MemoryLayout<Element>.size
    return [Element](unsafeUninitializedCapacity: bytes.count / size) { buffer, count in
        count = bytes.count / size
        bytes.withUnsafeBytes {
            UnsafeMutableRawBufferPointer(buffer)
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: $0.prefix(count * size)))
        }
    }
}
