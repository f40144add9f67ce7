/// The nearest known word to a mistyped one.
public enum Suggestion {
    /// Returns the known word that `word` was probably meant to be, nil if none is near.
    ///
    /// Near means: equal but for case and `-`, `_`; or at most a third of the letters (and at
    /// least one) inserted, dropped, changed or swapped with their neighbour.
    ///
    /// - Complexity: O(known × length²); a word above 64 characters has no neighbours.
    public static func nearest(to word: String, among known: [String]) -> String? {
        guard word.count <= 64 else { return nil }
        let plain = simplified(word)
        if let same = known.first(where: { simplified($0) == plain }) { return same }
        let limit = max(1, word.count / 3)
        let near = known.map { (word: $0, distance: distance(plain, simplified($0))) }
            .filter { $0.distance <= limit && $0.distance < $0.word.count }
        return near.min { $0.distance < $1.distance }?.word
    }

    /// `; did you mean …?`, or nothing where no word is near.
    static func question(_ word: String, among known: [String]) -> String {
        nearest(to: word, among: known).map { "; did you mean `\($0)`?" } ?? ""
    }

    private static func simplified(_ word: String) -> [Character] {
        word.lowercased().filter { $0 != "-" && $0 != "_" && $0 != " " }
    }

    /// How many letters differ.
    ///
    /// Source: the optimal string alignment distance, as in E. Ukkonen, "Algorithms for
    /// approximate string matching", Information and Control 64, 1985, pages 100-118.
    private static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var before: [Int] = []
        var last = Array(0...right.count)
        for i in 0..<left.count {
            var row = [i + 1]
            for j in 0..<right.count {
                var best = min(row[j], last[j + 1]) + 1
                best = min(best, last[j] + (left[i] == right[j] ? 0 : 1))
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    best = min(best, before[j - 1] + 1)
                }
                row.append(best)
            }
            (before, last) = (last, row)
        }
        return last[right.count]
    }
}
