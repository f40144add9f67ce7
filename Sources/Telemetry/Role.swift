/// What somebody may do at an instance; each role includes those before it.
public enum Role: String, CaseIterable, Codable, Comparable, Sendable {
    /// Reads samples, states, sessions and faults; commands nothing.
    case observe
    /// Starts and stops the operations of an ordinary night.
    case operate
    /// Also changes how an instrument works: ranges, heaters, calibrations, maintenance.
    case engineer
    /// Also decides about keys, roles and the site itself.
    case admin

    /// Whether `left` may do less than `right`.
    public static func < (left: Role, right: Role) -> Bool { left.rank < right.rank }

    private var rank: Int { Role.allCases.firstIndex(of: self) ?? 0 }
}
