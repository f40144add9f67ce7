extension SettingsReader {
    /// A text.
    public mutating func string(_ key: String, default fallback: String? = nil) -> String {
        read(key, fallback, harmless: "", example: "TEXT") { setting in
            guard let text = setting.text, !text.isEmpty else { return .wrong("expected a text") }
            return .value(text)
        }
    }

    /// One of `choices`.
    public mutating func choice(
        _ key: String,
        of choices: [String],
        default fallback: String? = nil
    ) -> String {
        read(key, fallback, harmless: choices.first ?? "", example: choices.first ?? "") {
            setting in
            if let text = setting.text, choices.contains(text) { return .value(text) }
            return .wrong(
                "expected \(choices.joined(separator: ", "))"
                    + (setting.text.map { Suggestion.question($0, among: choices) } ?? "")
            )
        }
    }

    /// An integer within `range`.
    public mutating func int(
        _ key: String,
        default fallback: Int? = nil,
        in range: ClosedRange<Int>
    ) -> Int {
        read(key, fallback, harmless: range.lowerBound, example: "\(range.lowerBound)") {
            Self.int($0, in: range)
        }
    }

    /// A number within `range`.
    public mutating func double(
        _ key: String,
        default fallback: Double? = nil,
        in range: ClosedRange<Double>
    ) -> Double {
        let bounds =
            "from \(Quantity.number(range.lowerBound)) to \(Quantity.number(range.upperBound))"
        let example = Quantity.number(range.lowerBound)
        return read(key, fallback, harmless: range.lowerBound, example: example) { setting in
            guard case .scalar(let text, false) = setting.shape, let number = Setting.number(text)
            else { return .wrong("expected a number \(bounds)\(Self.unquote(setting))") }
            guard range.contains(number) else { return .wrong("possible is \(bounds)") }
            return .value(number)
        }
    }

    /// A truth value.
    public mutating func bool(_ key: String, default fallback: Bool? = nil) -> Bool {
        read(key, fallback, harmless: false, example: "false") { setting in
            if case .scalar(let text, false) = setting.shape {
                if text == "true" || text == "false" { return .value(text == "true") }
                let meant: [String: Bool] = [
                    "yes": true, "on": true, "1": true, "no": false, "off": false, "0": false,
                ]
                if let meant = meant[text.lowercased()] {
                    return .wrong("expected true or false. Write `\(key): \(meant)`")
                }
            }
            return .wrong("expected true or false\(Self.unquote(setting))")
        }
    }

    /// A duration with its unit (`250 ms`) within `range`.
    ///
    /// `because` is appended to the message of a value outside of it: "since one pass over its
    /// channels takes 0.2 s".
    public mutating func duration(
        _ key: String,
        default fallback: Duration? = nil,
        in range: ClosedRange<Duration>,
        because reason: String? = nil
    ) -> Duration {
        let least = Quantity.text(range.lowerBound)
        let most = Quantity.text(range.upperBound)
        let why = reason.map { ", \($0)" } ?? ""
        return read(key, fallback, harmless: range.lowerBound, example: least) { setting in
            guard let text = setting.text else {
                return .wrong("expected a duration such as `\(least)`")
            }
            switch Quantity.duration(text) {
            // The message repeats parts of the text, and a variable may hold a secret.
            case .wrong where setting.written != nil:
                return .wrong("expected a duration such as `\(least)`")
            case .wrong(let message): return .wrong(message)
            case .value(let value) where value < range.lowerBound:
                return .wrong("at least \(least) is needed\(why). Write `\(key): \(least)` or more")
            case .value(let value) where value > range.upperBound:
                return .wrong("at most \(most) is possible\(why). Write `\(key): \(most)` or less")
            case .value(let value): return .value(value)
            }
        }
    }

    /// A size with its unit (`512 MiB`), in bytes.
    public mutating func byteCount(
        _ key: String,
        default fallback: Int? = nil,
        in range: ClosedRange<Int>
    ) -> Int {
        let least = Quantity.text(byteCount: range.lowerBound)
        let most = Quantity.text(byteCount: range.upperBound)
        return read(key, fallback, harmless: range.lowerBound, example: least) { setting in
            guard let text = setting.text else {
                return .wrong("expected a size such as `\(least)`")
            }
            switch Quantity.byteCount(text) {
            // The message repeats parts of the text, and a variable may hold a secret.
            case .wrong where setting.written != nil:
                return .wrong("expected a size such as `\(least)`")
            case .wrong(let message): return .wrong(message)
            case .value(let value) where !range.contains(value):
                return .wrong("possible is from \(least) to \(most)")
            case .value(let value): return .value(value)
            }
        }
    }

    /// A path, made absolute from the folder of the site file.
    public mutating func path(_ key: String, default fallback: String? = nil) -> String {
        let folder = folder
        return read(
            key,
            fallback.map { Self.absolute($0, from: folder) },
            harmless: folder,
            example: "PATH"
        ) { Self.path($0, from: folder) }
    }

    /// A list of paths, each made absolute from the folder of the site file.
    public mutating func paths(_ key: String, default fallback: [String]? = nil) -> [String] {
        let folder = folder
        return list(key, fallback, example: "[PATH]") { Self.path($0, from: folder) }
    }

    private static func path(_ setting: Setting, from folder: String) -> Quantity.Parsed<String> {
        guard let text = setting.text, !text.isEmpty, !text.utf8.contains(0) else {
            return .wrong("expected a path")
        }
        guard !text.hasPrefix("~") else {
            return .wrong("`~` is not expanded here. Write the path out, or `${HOME}/…`")
        }
        return .value(absolute(text, from: folder))
    }

    /// A list of integers within `range`.
    public mutating func ints(
        _ key: String,
        default fallback: [Int]? = nil,
        in range: ClosedRange<Int>
    ) -> [Int] {
        list(key, fallback, example: "[\(range.lowerBound)]") { Self.int($0, in: range) }
    }

    /// A list of texts.
    public mutating func strings(_ key: String, default fallback: [String]? = nil) -> [String] {
        list(key, fallback, example: "[TEXT]") { setting in
            guard let text = setting.text, !text.isEmpty else { return .wrong("expected a text") }
            return .value(text)
        }
    }

    private mutating func list<Element>(
        _ key: String,
        _ fallback: [Element]?,
        example: String,
        _ parse: (Setting) -> Quantity.Parsed<Element>
    ) -> [Element] {
        var wrong: [(Setting, String)] = []
        let result = read(key, fallback, harmless: [], example: example) { setting in
            guard case .list(let elements) = setting.shape else {
                return .wrong("expected a list. Write `\(key): \(example)`")
            }
            return .value(
                elements.compactMap { element in
                    switch parse(element) {
                    case .value(let value): return value
                    case .wrong(let message):
                        wrong.append((element, message))
                        return nil
                    }
                }
            )
        }
        let list = owner.isEmpty ? "`\(key)`" : "`\(key)` of \(owner)"
        add(
            wrong.map { element, message in
                SiteProblem(element.place, "an element of \(list) is \(element.found); \(message)")
            }
        )
        return result
    }

    private static func int(_ setting: Setting, in range: ClosedRange<Int>) -> Quantity.Parsed<Int>
    {
        let bounds = "from \(range.lowerBound) to \(range.upperBound)"
        guard case .scalar(let text, false) = setting.shape, let number = Int(text) else {
            return .wrong("expected an integer \(bounds)\(unquote(setting))")
        }
        guard range.contains(number) else { return .wrong("possible is \(bounds)") }
        return .value(number)
    }

    /// What to do with a number or truth value in quotes.
    private static func unquote(_ setting: Setting) -> String {
        guard case .scalar(let text, true) = setting.shape else { return "" }
        return Setting.number(text) != nil || text == "true" || text == "false"
            ? ". Leave the quotes out" : ""
    }

    /// `path` from `folder`, without `.` and empty parts; `..` stays, as links may be in between.
    static func absolute(_ path: String, from folder: String) -> String {
        let whole = path.hasPrefix("/") ? path : "\(folder)/\(path)"
        let parts = whole.split(separator: "/").filter { $0 != "." }
        return (whole.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
    }
}
