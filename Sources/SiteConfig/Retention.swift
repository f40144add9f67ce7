/// How long samples are kept, and how long what they amounted to is; nil is for ever.
public struct RetentionRule: Hashable, Sendable {
    /// How long after its day a sample is kept.
    public var raw: Duration?
    /// How long the roll-ups by minute and hour are; not shorter than the samples.
    public var rollups: Duration?

    /// A rule.
    public init(raw: Duration? = nil, rollups: Duration? = nil) {
        self.raw = raw
        self.rollups = rollups
    }
}

/// What an archive does not keep for ever, feed by feed.
public struct RetentionSettings: Hashable, Sendable {
    /// Which feeds a rule is for: `instance.feed`, each with `*` for any letters.
    public struct FeedRule: Hashable, Sendable {
        /// The two parts of the pattern.
        public var instance: String, feed: String
        /// What holds for these feeds.
        public var rule: RetentionRule

        /// A rule for some feeds.
        public init(instance: String, feed: String, rule: RetentionRule) {
            self.instance = instance
            self.feed = feed
            self.rule = rule
        }
    }

    /// What holds for feeds that no other rule is for.
    public var rule: RetentionRule
    /// The rules by feed: the first one that fits holds.
    public var feeds: [FeedRule]

    /// Everything is kept for ever, unless told otherwise.
    public init(rule: RetentionRule = RetentionRule(), feeds: [FeedRule] = []) {
        self.rule = rule
        self.feeds = feeds
    }

    /// Whether anything is ever removed.
    public var removesAnything: Bool {
        ([rule] + feeds.map(\.rule)).contains { $0.raw != nil || $0.rollups != nil }
    }

    /// What holds for one feed.
    public func rule(for instance: String, _ feed: String) -> RetentionRule {
        feeds.first { Self.fits($0.instance, instance) && Self.fits($0.feed, feed) }?.rule ?? rule
    }

    /// Whether `name` is what `pattern` means.
    private static func fits(_ pattern: String, _ name: String) -> Bool {
        let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
        guard parts.count > 1 else { return pattern == name }
        guard name.hasPrefix(parts[0]) else { return false }
        var rest = name.dropFirst(parts[0].count)
        for part in parts.dropFirst().dropLast() {
            guard let found = rest.firstRange(of: part) else { return false }
            rest = rest[found.upperBound...]
        }
        return rest.hasSuffix(parts[parts.count - 1])
    }
}

extension RetentionSettings {
    /// Reads the section `retention` of `reader`, which is that of the archive.
    static func read(
        from reader: inout SettingsReader,
        default fallback: RetentionSettings
    ) -> RetentionSettings {
        reader.section("retention") { section in
            var settings = RetentionSettings(
                rule: RetentionRule.read(from: &section, default: fallback.rule),
                feeds: fallback.feeds
            )
            guard let feeds = section.setting("feeds") else { return settings }
            guard case .map(let entries) = feeds.shape else {
                section.wrong(
                    "feeds",
                    "is \(feeds.found); expected a map, `\"cryo-*.temperatures\": {raw: 30 d}` each"
                )
                return settings
            }
            settings.feeds = entries.compactMap { entry in
                feed(entry.key, entry.place, entry.value, settings.rule, &section)
            }
            return settings
        } ?? fallback
    }

    private static func feed(
        _ name: String,
        _ place: Place,
        _ setting: Setting,
        _ general: RetentionRule,
        _ section: inout SettingsReader
    ) -> FeedRule? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        let isName = { (part: Substring) in
            !part.isEmpty
                && part.utf8.allSatisfy { byte in
                    switch byte {
                    case 0x2A, 0x2D, 0x30...0x39, 0x41...0x5A, 0x5F, 0x61...0x7A: true
                    default: false
                    }
                }
        }
        guard parts.count == 2, parts.allSatisfy(isName) else {
            section.add([
                SiteProblem(
                    place,
                    "\(Setting.quote(name)) of `retention` means no feeds; write INSTANCE.FEED, "
                        + "with `*` for any letters: `\"cryo-*.temperatures\"`"
                )
            ])
            return nil
        }
        var reader = SettingsReader(
            setting,
            owner: "\(Setting.quote(name)) of `retention`",
            folder: section.folder
        )
        let rule = RetentionRule.read(from: &reader, default: general)
        section.add(reader.finish())
        return FeedRule(instance: String(parts[0]), feed: String(parts[1]), rule: rule)
    }
}

extension RetentionRule {
    /// Reads `raw` and `rollups`: durations, or `forever`.
    fileprivate static func read(
        from reader: inout SettingsReader,
        default fallback: RetentionRule
    ) -> RetentionRule {
        var rule = fallback
        if reader.setting("raw") != nil { rule.raw = span("raw", &reader) }
        if reader.setting("rollups") != nil {
            rule.rollups = span("rollups", &reader)
        } else if let rollups = rule.rollups {
            // Roll-ups of what a feed's own `raw` keeps longer are kept as long.
            rule.rollups = rule.raw.map { max($0, rollups) }
        }
        if let rollups = rule.rollups, rollups < rule.raw ?? .seconds(Int64.max) {
            let raw = rule.raw.map(Quantity.text) ?? "forever"
            reader.wrong(
                "rollups",
                "is \(Quantity.text(rollups)), and samples are kept \(raw): roll-ups go with the "
                    + "last of their samples. Write `rollups: \(raw)` or more"
            )
        }
        return rule
    }

    private static func span(_ key: String, _ reader: inout SettingsReader) -> Duration? {
        guard reader.setting(key)?.text != "forever" else { return nil }
        return reader.duration(
            key,
            in: .seconds(86_400)...(.seconds(Limits.longestRetention)),
            because: "since whole days are removed; `forever` keeps everything"
        )
    }
}
