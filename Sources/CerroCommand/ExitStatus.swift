/// How `cerro` ends, as scripts see it; the numbers never change their meaning.
enum ExitStatus: Int32, Sendable {
    /// What was asked for is done.
    case done = 0
    /// The operation or the query failed, or found nothing.
    case failed = 1
    /// The command line or the site file is wrong.
    case usage = 2
    /// Nobody answers at the address.
    case unreachable = 3
    /// The other side answered and refused.
    case refused = 4
    /// The time limit passed; what was started goes on.
    case timedOut = 5
}

/// Why a command ends other than done: the status, and the sentences for people.
struct CommandFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// How the process ends.
    let status: ExitStatus
    /// Where, what was found, what was expected, what to do.
    let message: String

    /// A failure with its sentences.
    init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }

    /// The sentences.
    var description: String { message }
}
