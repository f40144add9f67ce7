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
            reject(key, "`\(key)` has to name at least one number, and none of them twice")
            return fallback
        }
        return numbers
    }
}
