internal import Telemetry

/// Which instance, feed and field a name of a `.g3` file means.
///
/// A provider is described by its feed's address, `observatory.thermo1.feeds.temperatures`. What
/// is described otherwise gets an instance and a feed from the parts that there are, and what may
/// not stand in a name is replaced by `_`.
struct G3Address: Hashable, Sendable {
    let instance: String, feed: String

    /// The instance and feed of the provider described so.
    init(_ description: String) {
        let parts = description.split(separator: ".").map(String.init)
        if parts.count >= 4, parts[parts.count - 2] == "feeds" {
            instance = Self.name(parts[parts.count - 3])
            feed = Self.name(parts[parts.count - 1])
        } else if parts.count >= 2 {
            instance = Self.name(parts.dropLast().joined(separator: "-"))
            feed = Self.name(parts[parts.count - 1])
        } else {
            instance = Self.name(description)
            feed = "housekeeping"
        }
    }

    /// Names of fields as they may be here, in the order of `names`, each only once.
    static func fields(_ names: [String]) -> [String] {
        var taken: Set<String> = []
        return names.map { original in
            let name = name(original)
            var unique = name
            var number = 2
            while !taken.insert(unique).inserted {
                unique = "\(name.prefix(Name.longest - 8))_\(number)"
                number += 1
            }
            return unique
        }
    }

    /// A valid name that is as like `text` as may be.
    private static func name(_ text: String) -> String {
        if Name.isValid(text) { return text }
        var letters = text.map { letter in
            letter != "-" && Name.isValid(String(letter)) ? letter : letter == "-" ? "-" : "_"
        }
        if letters.first == "-" || letters.isEmpty { letters.insert("_", at: 0) }
        return String(letters.prefix(Name.longest))
    }
}
