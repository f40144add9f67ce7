/// Texts with `*`, which stands for any run of characters.
public enum Glob {
    /// Whether all of `name` fits `pattern`; it takes no more than N × M steps.
    public static func matches(_ pattern: String, _ name: String) -> Bool {
        let star = UInt8(ascii: "*")
        guard pattern.utf8.contains(star) else { return pattern == name }
        return matches(Array(pattern.utf8), Array(name.utf8), star)
    }

    /// Goes back to the last star only: what earlier ones stand for need not change.
    private static func matches(_ pattern: [UInt8], _ name: [UInt8], _ star: UInt8) -> Bool {
        var (at, position) = (0, 0)
        var last: (at: Int, position: Int)?
        while position < name.count {
            if at < pattern.count, pattern[at] == star {
                last = (at, position)
                at += 1
            } else if at < pattern.count, pattern[at] == name[position] {
                at += 1
                position += 1
            } else if let back = last {
                last = (back.at, back.position + 1)
                (at, position) = (back.at + 1, back.position + 1)
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == star }
    }
}
