/// The arguments of one OCS agent: its command line as a list, or as a list of lists.
struct OCSArguments {
    /// One flag with the values that follow it.
    struct Flag {
        /// The name without leading dashes.
        var name: String
        var values: [Setting]
        var place: Place
    }

    /// The flags in the order of the file, each once: the last one counts.
    private(set) var flags: [Flag] = []
    /// Values before the first flag, and flags that a later one replaces.
    private(set) var ignored: [Setting] = []

    /// Reads both forms, freely mixed; a minus before a digit begins a value, not a flag.
    init(_ setting: Setting?) {
        guard let setting else { return }
        for word in Self.flattened(setting) {
            guard let text = word.text, Self.isFlag(text) else {
                if flags.isEmpty {
                    ignored.append(word)
                } else {
                    flags[flags.count - 1].values.append(word)
                }
                continue
            }
            let parts = text.drop { $0 == "-" }.split(separator: "=", maxSplits: 1)
            let name = parts.first.map(String.init) ?? text
            if let old = flags.firstIndex(where: { $0.name == name }) {
                ignored.append(Setting(.scalar(text, quoted: false), at: flags[old].place))
                flags.remove(at: old)
            }
            let value = parts.dropFirst().map {
                Setting(.scalar(String($0), quoted: false), at: word.place)
            }
            flags.append(Flag(name: name, values: value, place: word.place))
        }
    }

    /// Removes the flag `name` and returns it, nil if it is not there.
    mutating func take(_ name: String) -> Flag? {
        guard let index = flags.firstIndex(where: { $0.name == name }) else { return nil }
        return flags.remove(at: index)
    }

    private static func flattened(_ setting: Setting) -> [Setting] {
        switch setting.shape {
        case .null: []
        case .scalar, .map: [setting]
        case .list(let elements): elements.flatMap(flattened)
        }
    }

    private static func isFlag(_ text: String) -> Bool {
        guard text.first == "-", let second = text.dropFirst().first else { return false }
        return !second.isNumber && second != "."
    }
}
