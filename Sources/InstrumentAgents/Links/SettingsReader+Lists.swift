internal import SiteConfig

extension SettingsReader {
    /// Integers, none of them twice and at least one.
    mutating func distinctInts(
        _ key: String,
        default fallback: [Int],
        in range: ClosedRange<Int>
    ) -> [Int] {
        let numbers = ints(key, default: fallback, in: range)
        guard !numbers.isEmpty, Set(numbers).count == numbers.count else {
            reject(key, "is empty or names a number twice; name each number once")
            return fallback
        }
        return numbers
    }
}
