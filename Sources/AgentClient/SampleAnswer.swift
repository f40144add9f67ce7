public import MessagePack
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
        let answer = value.messagePack.withUnsafeBytes { bytes in
            try? withMessagePack(bytes, limits: .records) { SampleAnswer($0) }
        }
        guard let answer else { return nil }
        self = answer
    }

    /// Decodes an answer where it stands in its reply, each column by one copy; nil if it is none.
    public init?(_ view: MessagePackView) {
        guard let answer = view.map, let data = answer["data"]?.map,
            let lines = answer["timeline"]?.map, let tier = answer["tier"]?.string
        else { return nil }
        self.tier = tier
        gaps = answer["gaps"]?.value?.array?.compactMap(LedgerEntry.init) ?? []
        marks = answer["marks"]?.value?.array?.compactMap(LedgerEntry.init) ?? []
        notes = answer["notes"]?.value?.array?.compactMap(\.string) ?? []
        for (name, line) in lines.sorted(by: { $0.key < $1.key }) {
            guard let members = line.map, let timeline = Timeline(name: name, members, data) else {
                return nil
            }
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

    fileprivate init?(
        name: String,
        _ line: [String: MessagePackView],
        _ data: [String: MessagePackView]
    ) {
        guard let times = line["t"]?.bytes, let fields = line["fields"]?.value?.array else {
            return nil
        }
        self.name = name
        self.times = unpacked(times)
        ends = line["end"]?.bytes.map(unpacked)
        finalizedUntil = Timestamp(nanoseconds: line["finalized_until"]?.int ?? 0)
        revision = line["revision"]?.int ?? 0
        let units = zip(fields.compactMap(\.string), line["units"]?.value?.array ?? [])
        self.units = Dictionary(
            units.compactMap { name, unit in unit.string.map { (name, $0) } }
        ) { $1 }
        columns = []
        for field in fields.compactMap(\.string) {
            guard let content = data[field]?.map else { return nil }
            if content["type"]?.string != nil {
                guard let column = Column(content) else { return nil }
                columns.append((field, column))
            } else {
                columns += Self.statistics.compactMap { statistic in
                    content[statistic]?.map.flatMap(Column.init).map {
                        ("\(field):\(statistic)", $0)
                    }
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
    fileprivate init?(_ members: [String: MessagePackView]) {
        guard let type = members["type"]?.string.flatMap(FieldType.init),
            let given = members["values"]
        else { return nil }
        let bytes = given.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0)
        switch type {
        case .double: self = .doubles(unpacked(bytes) as [Double])
        case .int: self = .ints(unpacked(bytes) as [Int64])
        case .bool: self = .bools(flags(bytes))
        case .string:
            guard let members = given.map,
                let known = members["texts"]?.value?.array?.compactMap(\.string),
                let places = members["places"]?.bytes, let texts = texts(known, at: places)
            else { return nil }
            self = .strings(texts)
        }
        guard let bits = members["presence"]?.bytes else { return }
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

/// The values that stand in the bytes, lowest byte first; a part at the end is left out.
private func unpacked<Element: BitwiseCopyable>(_ bytes: UnsafeRawBufferPointer) -> [Element] {
    let size = MemoryLayout<Element>.size
    return [Element](unsafeUninitializedCapacity: bytes.count / size) { buffer, count in
        count = bytes.count / size
        UnsafeMutableRawBufferPointer(buffer)
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes.prefix(count * size)))
    }
}

/// A truth value for each byte.
private func flags(_ bytes: UnsafeRawBufferPointer) -> [Bool] {
    [Bool](unsafeUninitializedCapacity: bytes.count) { buffer, count in
        count = bytes.count
        for index in 0..<bytes.count { buffer[index] = bytes[index] != 0 }
    }
}

/// The text of each place; nil if one is none.
private func texts(_ texts: [String], at places: UnsafeRawBufferPointer) -> [String]? {
    let places = unpacked(places) as [UInt32]
    var isKnown = true
    let filled = [String](unsafeUninitializedCapacity: places.count) { buffer, count in
        while count < places.count {
            let place = places[count]
            guard place < texts.count else {
                isKnown = false
                return
            }
            // Equal ones stand together mostly.
            let end = places[count...].firstIndex { $0 != place } ?? places.count
            buffer[count..<end].initialize(repeating: texts[Int(place)])
            count = end
        }
    }
    return isKnown ? filled : nil
}
