internal import MessageBus
internal import Synchronization
public import Telemetry

extension SiteClient {
    /// How long a question to the reader may take; its own limit is shorter, and says what to do.
    public static let queryPatience = Duration.seconds(60)

    /// The shortest time that is asked for at once when an answer does not fit one message.
    static let shortestPage = Duration.milliseconds(1)

    /// The fields of the archive that have samples in a range.
    ///
    /// - Parameters:
    ///   - patterns: full names, or patterns with `*`; all fields if empty.
    ///   - range: the end is not included.
    ///   - reader: the instance of the class Reader that is asked.
    /// - Returns: by full name, maps with `value_type`, `units`, `description`, `first` and `last`.
    /// - Throws: ``ClientError``.
    public func fields(
        _ patterns: [String] = [],
        in range: Range<Timestamp>,
        of reader: String = "reader"
    ) async throws -> [String: Value] {
        let answer = try await result(
            reader,
            "get_fields",
            [
                "match": .array(patterns.map(Value.string)),
                "start": .string(range.lowerBound.description),
                "end": .string(range.upperBound.description),
            ],
            timeout: Self.queryPatience,
            finding: Self.patience
        )
        guard let fields = answer["fields"]?.map else { throw ClientError.malformed(reader) }
        return fields
    }

    /// The samples of fields; an answer that does not fit one message is asked for in halves.
    ///
    /// - Parameters:
    ///   - names: full names, `instance.feed.field`.
    ///   - range: the end is not included.
    ///   - reduction: `max_points` for so many buckets at most, or `min_stride` in seconds for
    ///     samples at least so far apart; all samples if empty. A reduced answer is never asked for
    ///     in halves.
    ///   - reader: the instance of the class Reader that is asked.
    /// - Returns: the timelines that have samples, and the gaps between them.
    /// - Throws: ``ClientError``.
    public func samples(
        of names: [String],
        in range: Range<Timestamp>,
        reduced reduction: [String: Value] = [:],
        from reader: String = "reader"
    ) async throws -> SampleAnswer {
        var arguments = reduction
        arguments["fields"] = .array(names.map(Value.string))
        arguments["start"] = .string(range.lowerBound.description)
        arguments["end"] = .string(range.upperBound.description)
        do {
            let answer = Mutex<SampleAnswer?>(nil)
            _ = try await result(
                reader,
                "get_data",
                .map(arguments),
                timeout: Self.queryPatience,
                finding: Self.patience
            ) { view in
                let read = SampleAnswer(view)
                answer.withLock { $0 = read }
                return .null
            }
            guard let read = answer.withLock({ $0 }) else { throw ClientError.malformed(reader) }
            return read
        } catch ClientError.refused(.queryLimit, let text, let result) {
            let half = (range.upperBound - range.lowerBound) / 2
            guard reduction.isEmpty, half >= Self.shortestPage else {
                throw ClientError.refused(code: .queryLimit, text: text, result: result)
            }
            let middle = range.lowerBound + half
            var answer = try await samples(
                of: names,
                in: range.lowerBound..<middle,
                from: reader
            )
            answer.append(
                try await samples(of: names, in: middle..<range.upperBound, from: reader)
            )
            return answer
        }
    }
}
