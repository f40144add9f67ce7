/// A line along which something is drawn, with the places that have a text.
struct Axis: Sendable {
    /// A place with a text.
    struct Tick: Hashable, Sendable {
        /// Where: 0 is the beginning of the axis, 1 its end.
        let place: Double
        /// The time or value there.
        let text: String
    }

    /// The ticks in order, all within 0...1.
    let ticks: [Tick]

}
