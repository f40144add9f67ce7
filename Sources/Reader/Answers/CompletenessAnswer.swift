public import Telemetry

/// How much of each timeline is there: the answer to a ``CompletenessQuery``.
public struct CompletenessAnswer: Hashable, Sendable {
    /// One timeline, hour by hour.
    public struct Timeline: Hashable, Sendable {
        /// The name, `instance.feed`.
        public var name: String
        /// The declared time between two samples, nil where none is declared or known.
        public var period: Duration?
        /// The hours, in order of time; the first and last as far as the range goes.
        public var hours: [Hour]
    }

    /// What is known of one hour of a timeline.
    public struct Hour: Hashable, Sendable {
        /// The start, included, and the end, not included.
        public var range: Range<Timestamp>
        /// Rows that the archive has.
        public var rows: Int64
        /// Records that the ledger says are missing; nil where a row of it knows no count.
        ///
        /// A row that names no feed counts for each feed of its instance, since nobody knows whose
        /// records they were; of a row that spans several hours each has its part.
        public var missing: Int64?
        /// Rows that the declared period lets expect until now, nil without a period.
        public var expected: Double?

        /// The part that is there of what was published: rows / (rows + missing).
        ///
        /// Nil where there was nothing, or nobody knows how much is missing.
        public var completeness: Double? {
            guard let missing, rows + missing > 0 else { return nil }
            return Double(rows) / Double(rows + missing)
        }

        /// The part that is there of what the period lets expect, nil without a period.
        public var ofExpected: Double? {
            expected.flatMap { $0 > 0 ? Double(rows) / $0 : nil }
        }
    }

    /// The timelines, by name.
    public var timelines: [Timeline]
    /// What a person should know about the answer: which names no field has.
    public var notes: [String] = []

    /// The answer as a map, for the bus; instants are nanoseconds.
    var value: Value {
        [
            "timelines": .map(
                Dictionary(uniqueKeysWithValues: timelines.map { ($0.name, $0.value) })
            ),
            "notes": .array(notes.map { .string($0) }),
        ]
    }

    /// The answer as JSON.
    func json(_ times: TimeForm) -> TextAnswer {
        let head: TextAnswer.Piece = { $0.raw("{\"timelines\":{") }
        let lines = timelines.enumerated().map { index, timeline -> TextAnswer.Piece in
            { writer in
                if index > 0 { writer.raw(",") }
                writer.key(timeline.name)
                writer.write(timeline, times)
            }
        }
        let tail: TextAnswer.Piece = { [notes] writer in
            writer.raw("},\"notes\":")
            writer.list(notes) { $0.write($1) }
            writer.raw("}\n")
        }
        return TextAnswer(contentType: TextFormat.json.rawValue, pieces: [head] + lines + [tail])
    }
}

extension CompletenessAnswer.Timeline {
    fileprivate var value: Value {
        [
            "period": period.map { .double($0.inSeconds) } ?? .null,
            "hours": .array(
                hours.map { hour in
                    var members = hour.numbers
                    members["start"] = .timestamp(hour.range.lowerBound)
                    members["end"] = .timestamp(hour.range.upperBound)
                    return .map(members)
                }
            ),
        ]
    }
}

extension CompletenessAnswer.Hour {
    /// All but the times.
    fileprivate var numbers: [String: Value] {
        [
            "rows": .int(rows), "missing": missing.map { .int($0) } ?? .null,
            "expected": expected.map { .double($0) } ?? .null,
            "completeness": completeness.map { .double($0) } ?? .null,
            "of_expected": ofExpected.map { .double($0) } ?? .null,
        ]
    }
}

extension JSONWriter {
    fileprivate mutating func write(
        _ timeline: CompletenessAnswer.Timeline,
        _ times: TimeForm
    ) {
        raw("{\"period\":")
        write(timeline.period.map { .double($0.inSeconds) } ?? Value.null)
        raw(",\"hours\":")
        list(timeline.hours) { writer, hour in
            writer.raw("{\"start\":")
            writer.write(hour.range.lowerBound, times)
            writer.raw(",\"end\":")
            writer.write(hour.range.upperBound, times)
            for (name, value) in hour.numbers.sorted(by: { $0.key < $1.key }) {
                writer.raw(",")
                writer.key(name)
                writer.write(value)
            }
            writer.raw("}")
        }
        raw("}")
    }
}
