public import Telemetry

extension Column {
    /// The rows `rows`, in that order.
    public func rows(_ rows: some Collection<Int>) -> Column {
        let flags = presence.map { presence in rows.map { presence[$0] } }
        switch values {
        case .doubles(let values): return Column(.doubles(rows.map { values[$0] }), presence: flags)
        case .ints(let values): return Column(.ints(rows.map { values[$0] }), presence: flags)
        case .bools(let values): return Column(.bools(rows.map { values[$0] }), presence: flags)
        case .strings(let values): return Column(.strings(rows.map { values[$0] }), presence: flags)
        }
    }
}
