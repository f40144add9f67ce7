/// Where the numbers of an answer were read from, finest first.
public enum Tier: String, Sendable, CaseIterable, Comparable {
    /// From the samples themselves.
    case raw
    /// From the statistics that sealed files hold of each minute.
    case minute
    /// From those of each hour.
    case hour
    /// From those of whole runs of samples, which the index has.
    case index

    /// Whether `left` is the finer one.
    public static func < (left: Tier, right: Tier) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
