/// Reads the settings of one map, one key a call, and collects everything that is wrong with them.
///
/// A call never fails: where the file is wrong it returns the default (or a harmless value of the
/// type) and keeps a problem, so that one run shows all problems of a file. A default of nil means
/// that the key is required.
public struct SettingsReader {
    /// What was wrong so far; ``finish()`` adds the keys that nobody read.
    public private(set) var problems: [SiteProblem] = []
    /// Whose settings these are, for messages: `agent cryo-1`; empty for the whole file.
    public let owner: String
    /// Where relative paths start.
    public let folder: String
    /// Where the map begins.
    public let place: Place

    private let entries: [(key: String, place: Place, value: Setting)]
    /// Whether there is a map to read; if not, that is a problem and no key is missed.
    let isMap: Bool
    private var known: [String] = []
    private var isFinished = false

    /// A reader of `setting`, which has to be a map or null.
    ///
    /// `owner` is for messages: `agent cryo-1`. Relative paths start at `folder`.
    public init(_ setting: Setting, owner: String, folder: String) {
        self.owner = owner
        self.folder = folder
        place = setting.place
        switch setting.shape {
        case .map(let entries): (self.entries, isMap) = (entries, true)
        case .null: (entries, isMap) = ([], true)
        case .list, .scalar:
            (entries, isMap) = ([], false)
            let subject = owner.isEmpty ? "the file" : "what is written for \(owner)"
            problems = [
                SiteProblem(
                    place,
                    "\(subject) is \(setting.found); expected a map, `key: value` each"
                )
            ]
        }
    }

    /// Whether the key is there (a reader of it must follow).
    public func has(_ key: String) -> Bool { entries.contains { $0.key == key } }

    /// The node under `key` as it stands, nil where the key is absent; never a problem.
    public mutating func setting(_ key: String) -> Setting? {
        if !known.contains(key) { known.append(key) }
        return entries.first { $0.key == key }?.value
    }

    /// Adds a problem at the value of `key` (at the map itself where the key is absent).
    ///
    /// The message is a sentence that names the key; the owner is put in front:
    /// `` agent cryo-1: `mmr3` or `mgc3` has to be there ``.
    public mutating func reject(_ key: String, _ message: String) {
        problems.append(
            SiteProblem(placeOfValue(key), owner.isEmpty ? message : "\(owner): \(message)")
        )
    }

    /// Adds a problem whose sentence begins with the key and its owner.
    mutating func wrong(_ key: String, _ predicate: String) {
        problems.append(SiteProblem(placeOfValue(key), "\(subject(key)) \(predicate)"))
    }

    private mutating func placeOfValue(_ key: String) -> Place {
        setting(key)?.place ?? place
    }

    /// Takes over problems that were found elsewhere.
    mutating func add(_ more: [SiteProblem]) { problems += more }

    /// All problems, unknown keys with their nearest known word included, in the order of the file.
    public mutating func finish() -> [SiteProblem] {
        if !isFinished {
            isFinished = true
            let unknown = entries.filter { !known.contains($0.key) }
            if let first = unknown.dropFirst(Limits.problems).first {
                let more = unknown.count - Limits.problems
                problems.append(SiteProblem(first.place, "here are \(more) unknown keys more"))
            }
            for entry in unknown.prefix(Limits.problems) {
                let subject = owner.isEmpty ? "the site file" : owner
                let there =
                    known.isEmpty ? "it takes none" : "there are \(known.joined(separator: ", "))"
                let word = Suggestion.question(entry.key, among: known)
                problems.append(
                    SiteProblem(
                        entry.place,
                        "\(subject) has no setting \(Setting.quote(entry.key))"
                            + (word.isEmpty ? "; \(there)" : word)
                    )
                )
            }
        }
        problems = problems.inFileOrder
        return problems
    }

    private func subject(_ key: String) -> String {
        owner.isEmpty ? "`\(key)`" : "`\(key)` of \(owner)"
    }

    /// Reads one value; `parse` returns it or what is wrong with it.
    mutating func read<Result>(
        _ key: String,
        _ fallback: Result?,
        harmless: Result,
        example: String,
        _ parse: (Setting) -> Quantity.Parsed<Result>
    ) -> Result {
        guard let setting = setting(key) else {
            if let fallback { return fallback }
            if isMap {
                problems.append(
                    SiteProblem(place, "\(subject(key)) is missing. Write `\(key): \(example)`")
                )
            }
            return harmless
        }
        switch parse(setting) {
        case .value(let value): return value
        case .wrong(let message):
            let about = "\(subject(key)) is \(setting.found); \(message)"
            problems.append(SiteProblem(setting.place, about))
            return fallback ?? harmless
        }
    }
}

extension SettingsReader {
    /// The map under `key`, read by `body`; nil, and `body` not called, if the key is absent.
    ///
    /// The problems of the map and its unknown keys join this reader's.
    public mutating func section<Result>(
        _ key: String,
        _ body: (inout SettingsReader) -> Result
    ) -> Result? {
        guard let setting = setting(key) else { return nil }
        var inner = SettingsReader(
            setting,
            owner: owner.isEmpty ? "`\(key)`" : "`\(key)` of \(owner)",
            folder: folder
        )
        let result = body(&inner)
        problems += inner.finish()
        return result
    }

    /// The maps of the list under `key`, each read by `body`; empty if the key is absent.
    public mutating func sections<Result>(
        _ key: String,
        _ body: (inout SettingsReader) -> Result
    ) -> [Result] {
        guard let setting = setting(key) else { return [] }
        switch setting.shape {
        case .null: return []
        case .list(let elements):
            return elements.enumerated().map { index, element in
                let subject = "entry \(index + 1) of `\(key)`"
                var inner = SettingsReader(
                    element,
                    owner: owner.isEmpty ? subject : "\(subject) of \(owner)",
                    folder: folder
                )
                let result = body(&inner)
                problems += inner.finish()
                return result
            }
        case .scalar, .map:
            wrong(key, "is \(setting.found); expected a list, `- …` each")
            return []
        }
    }
}

extension [SiteProblem] {
    /// Each problem once, in the order of the file.
    var inFileOrder: [SiteProblem] {
        var seen: Set<SiteProblem> = []
        return filter { seen.insert($0).inserted }.enumerated()
            .sorted { ($0.element.place, $0.offset) < ($1.element.place, $1.offset) }
            .map(\.element)
    }
}
