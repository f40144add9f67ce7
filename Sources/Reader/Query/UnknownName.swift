internal import Archive
public import Telemetry

/// What is said of a name that nobody knows: most likely it is mistyped.
public enum UnknownName {
    /// The sentence about a name or pattern that fits none of `names`, which it may be like.
    ///
    /// `else` follows where none is like it.
    public static func sentence(
        _ pattern: String,
        among names: some Sequence<FieldName>,
        during time: String = "",
        else advice: String = ""
    ) -> String {
        "no field `\(pattern.prefix(100))` has samples" + time
            + suggestion(for: pattern, among: candidates(for: pattern, among: names), else: advice)
    }

    /// What a name may have meant: instances for one without a dot, feeds for one with one dot,
    /// else fields.
    public static func candidates(
        for pattern: String,
        among names: some Sequence<FieldName>
    ) -> Set<String> {
        switch pattern.utf8.count(where: { $0 == UInt8(ascii: ".") }) {
        case 0: Set(names.map(\.instance))
        case 1: Set(names.map(\.timeline))
        default: Set(names.map(\.description))
        }
    }

    /// `; did you mean cryo-1?`, or `advice` where no name is like it.
    public static func suggestion(
        for text: String,
        among names: some Sequence<String>,
        else advice: String = ""
    ) -> String {
        let near = NearMatch.nearest(to: text, among: names)
        return near.isEmpty ? advice : "; did you mean \(near.joined(separator: ", "))?"
    }
}

extension QueryEngine {
    /// Those of some patterns that no field of the archive fits at any time, and what to say of
    /// them.
    func unknown(
        among patterns: [FieldPattern]
    ) throws(QueryError) -> (patterns: [FieldPattern], sentences: [String]) {
        guard !patterns.isEmpty else { return ([], []) }
        let known = try archive.fields(in: Timestamp.publishable).map(\.name)
        let texts = Set(known.map(\.description))
        let unknown = patterns.filter { pattern in
            let wanted = pattern.widened
            return wanted.isGlob
                ? !texts.contains(where: wanted.matches) : !texts.contains(wanted.text)
        }
        let told = unknown.prefix(ReaderLimits.suggestions).map { pattern in
            UnknownName.sentence(pattern.text, among: known, during: " at any time")
        }
        let rest = unknown.count - told.count
        return (unknown, told + (rest > 0 ? ["nor have \(rest) more that were asked for"] : []))
    }

    /// What to say of those of some patterns that no field of the archive fits at any time.
    func notes(onUnknown patterns: [FieldPattern]) throws(QueryError) -> [String] {
        try unknown(among: patterns).sentences
    }
}
