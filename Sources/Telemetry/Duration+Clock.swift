extension Duration {
    /// How far a clock may be off before people have to know, and samples are marked.
    public static let clockTolerance = Duration.seconds(30)

    /// How long it is, whichever way.
    public var size: Duration { max(self, .zero - self) }

    /// Whether a clock that is ahead by this, or behind, is a fault.
    public var isClockTrouble: Bool { size > Self.clockTolerance }

    /// `subject` is 12 s ahead of, or behind, `other`: a clock's lead in words.
    public func clockText(_ subject: String, _ other: String) -> String {
        let seconds = Int64(inSeconds.rounded())
        return "\(subject) is \(abs(seconds)) s \(seconds > 0 ? "ahead of" : "behind") \(other)"
    }
}
