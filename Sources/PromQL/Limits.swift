internal import Telemetry

/// The limits of one query, all of which an asker can run into.
public enum PromQLLimits {
    /// Bytes of an expression; a dashboard's longest have some thousand.
    public static let expressionBytes = 16_384
    /// How deep parentheses and calls may nest, since each level takes stack.
    public static let depth = 100
    /// Steps of an answer, as Prometheus has it; dashboards widen their step before.
    public static let steps = 11_000
    /// Series that a selector may find.
    public static let series = 10_000
    /// Values of an answer, and of each of its parts: series times steps.
    public static let values = 5_000_000
    /// Buckets of a reduction, those of all its series together; 80 MB.
    public static let buckets = 2_000_000
    /// Bytes that the automaton of a regular expression may take.
    static let expressionMemory = 1 << 20
    /// How old a sample may be that a plain selector answers with, for fields without a period.
    public static let lookBack = Duration.seconds(300)
}
