/// A node of the file: its shape and its place; environment variables are already expanded.
public struct Setting: Sendable {
    /// What stands there.
    public indirect enum Shape: Sendable {
        case null
        /// A scalar as written, and whether it was quoted.
        case scalar(String, quoted: Bool)
        case list([Setting])
        /// Keys in the order of the file, each with its place.
        case map([(key: String, place: Place, value: Setting)])
    }

    /// What stands there.
    public var shape: Shape
    /// Where it begins.
    public var place: Place

    /// A node.
    public init(_ shape: Shape, at place: Place) {
        self.shape = shape
        self.place = place
    }
}
