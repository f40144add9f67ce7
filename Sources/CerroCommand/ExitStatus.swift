internal import MessageBus
internal import Telemetry

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
    /// Nobody reads the answer any more: what a shell says of those whom SIGPIPE ends.
    case unread = 141

    /// What a JSON document calls it.
    var word: String {
        switch self {
        case .done: "done"
        case .failed: "failed"
        case .usage: "usage"
        case .unreachable: "unreachable"
        case .refused: "refused"
        case .timedOut: "timed-out"
        case .unread: "unread"
        }
    }
}

/// Why a command ends other than done: the status, and the sentences for people.
struct CommandFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// How the process ends.
    let status: ExitStatus
    /// Where, what was found, what was expected, what to do.
    let message: String
    /// The code of whoever refused; nil where nobody was asked.
    let code: ReplyCode?

    /// A failure with its sentences.
    init(_ status: ExitStatus, _ message: String, code: ReplyCode? = nil) {
        self.status = status
        self.message = message
        self.code = code
    }

    /// The failure as HTTP has it, for those who wanted a document and get no answer.
    var document: Value {
        let code = code?.rawValue ?? status.word
        return ["error": ["code": .string(code), "message": .string(message)]]
    }

    /// The sentences.
    var description: String { message }
}
