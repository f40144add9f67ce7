internal import Telemetry

/// What was waited for did not happen.
public struct NeverHappened: Error, CustomStringConvertible {
    /// What was waited for, how long, and what was seen last.
    public let description: String

    /// What did not happen, for whoever waits in another way than ``eventually(_:within:_:)``.
    public init(description: String) { self.description = description }
}

/// Asks again and again until `answer` gives something, which it returns.
///
/// The one place where a test waits for time: for what other processes do, and what only an answer
/// shows. An error counts as no answer.
///
/// - Throws: ``NeverHappened`` after `limit`, a bound for hanging tests and no expectation.
@discardableResult
public func eventually<Answer>(
    _ what: String,
    within limit: Duration = .seconds(180),
    _ answer: () async throws -> Answer?
) async throws -> Answer {
    let time = SystemTimeSource()
    let deadline = time.monotonic + limit
    var last = "nothing"
    while time.monotonic < deadline {
        do {
            if let answer = try await answer() { return answer }
        } catch { last = "\(error)" }
        try await time.sleep(for: .milliseconds(20))
    }
    throw NeverHappened(
        description: "\(what) did not happen within \(limit.inSeconds) s; last error: \(last)"
    )
}
