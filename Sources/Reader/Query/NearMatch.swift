/// The known names that are nearest to one that nobody knows.
public enum NearMatch {
    /// Returns at most `count` of `names` that are a few slips of the finger away, nearest first.
    ///
    /// A slip is a character too many, too few, wrong, or exchanged with its neighbour; upper and
    /// lower case count as the same. A name may have one slip for every three of its characters.
    public static func nearest(
        to text: String,
        among names: some Sequence<String>,
        count: Int = 3
    ) -> [String] {
        let wanted = Array(text.lowercased().utf8.prefix(longest))
        let most = max(1, wanted.count / 3)
        var found: [(distance: Int, name: String)] = []
        for name in names {
            let candidate = Array(name.lowercased().utf8.prefix(longest))
            guard abs(candidate.count - wanted.count) <= most else { continue }
            let distance = distance(wanted, candidate)
            if distance <= most { found.append((distance, name)) }
        }
        found.sort { ($0.distance, $0.name) < ($1.distance, $1.name) }
        return found.prefix(count).map(\.name)
    }

    /// `did you mean x? `, or nothing.
    static func suggestion(for text: String, among names: [String]) -> String {
        guard let name = nearest(to: text, among: names, count: 1).first else { return "" }
        return "did you mean `\(name)`? "
    }

    /// The longest name that is compared, in bytes: the work grows with its square.
    private static let longest = 400

    /// How many slips lie between two texts.
    ///
    /// Source: the optimal string alignment distance; L. Boytsov, "Indexing methods for
    /// approximate dictionary searching", JEA 16, 2011, section 2.2.
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in 0..<left.count {
            var current = [row + 1]
            current.reserveCapacity(right.count + 1)
            for column in 0..<right.count {
                let exchange = last[column] + (left[row] == right[column] ? 0 : 1)
                var least = min(exchange, last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1],
                    left[row - 1] == right[column]
                {
                    least = min(least, beforeLast[column - 1] + 1)
                }
                current.append(least)
            }
            (beforeLast, last) = (last, current)
        }
        return last[right.count]
    }
}
