internal import Hummingbird
internal import NIOCore
internal import Telemetry

/// One address that HTTP answers at: what dispatches it, and what the description says of it.
struct Route: Sendable {
    typealias Handler = @Sendable (Request, ReaderContext) async throws -> Response

    /// A part of a question.
    struct Parameter: Sendable {
        enum Place { case path, query, form }

        let name: String
        let place: Place
        var schema: Value = Schema.text
        var isNeeded = false
        /// Whether it may occur more than once.
        var isRepeated = false
        /// What it means.
        let about: String
    }

    /// What a good answer is.
    struct Answer: Sendable {
        let types: [String]
        var schema: Value?

        static func json(_ schema: Value) -> Answer {
            Answer(types: ["application/json"], schema: schema)
        }
    }

    let methods: [HTTPRequest.Method]
    /// With `{name}` for each parameter in it.
    let path: String
    let about: String
    var parameters: [Parameter] = []
    /// Whether what is posted is a map of JSON.
    var isPostedAsJSON = false
    let answer: Answer
    /// The statuses other than 200 that belong to it, beside those that any question can get.
    var statuses: [Int] = []
    /// Whether the answer goes on for ever, so that nobody can say how long it is.
    var isEndless = false
    let handler: Handler

    /// Whether it answers at `path`.
    func matches(_ path: String) -> Bool {
        let own = self.path.split(separator: "/", omittingEmptySubsequences: false)
        let given = path.split(separator: "/", omittingEmptySubsequences: false)
        return own.count == given.count
            && zip(own, given).allSatisfy { $0.hasPrefix("{") ? !$1.isEmpty : $0 == $1 }
    }

    /// Every method that has an answer here.
    var allowed: [HTTPRequest.Method] { methods + (hasHead ? [.head] : []) }

    private var hasHead: Bool { methods.contains(.get) && !isEndless }

    func add(to router: Router<ReaderContext>) {
        for method in methods { router.on(RouterPath(path), method: method, use: handler) }
        if hasHead { router.on(RouterPath(path), method: .head, use: handler) }
    }
}

/// What is known of a request beside itself: the connection on which it came.
struct ReaderContext: RequestContext {
    typealias Source = ApplicationRequestContextSource

    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: Source) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// The address that asks, and the one that is asked; nil where there is none.
    var remoteAddress: String? { channel.remoteAddress?.ipAddress }
    var localAddress: String? { channel.localAddress?.ipAddress }
}
