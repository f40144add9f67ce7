internal import Telemetry

/// A piece of an expression, and the byte at which it begins.
struct Token: Hashable {
    enum Kind: Hashable {
        case name(String)
        case number(Double)
        case duration(Duration)
        case text(String)
        /// An operator, bracket or comma.
        case sign(String)
        case end
    }

    let kind: Kind
    let place: Int

    /// How an error names it.
    var description: String {
        switch kind {
        case .name(let name): "`\(name)`"
        case .number(let number): "the number \(number)"
        case .duration(let duration): "the duration \(duration.inSeconds) s"
        case .text: "a text"
        case .sign(let sign): "`\(sign)`"
        case .end: "the end"
        }
    }
}
