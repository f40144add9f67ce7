extension Duration {
    /// `subject` is 12 s ahead of, or behind, `other`: a clock's lead in words.
    public func clockText(_ subject: String, _ other: String) -> String {
        let seconds = Int64(inSeconds.rounded())
        return "\(subject) is \(abs(seconds)) s \(seconds > 0 ? "ahead of" : "behind") \(other)"
    }
}
