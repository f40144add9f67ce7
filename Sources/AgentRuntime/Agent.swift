public import Access
public import MessageBus
internal import MessagePack
public import Telemetry

/// What an instrument (or a duty such as recording) adds to the runtime: feeds and operations.
///
/// Ports, lease, heartbeat, sessions, parameter checks, log, faults and shutdown come from the
/// runtime. An agent owns its instrument: nobody else may talk to it.
public protocol Agent: Sendable {
    /// What the agent publishes; fixed while it runs.
    var feeds: [Feed] { get }
    /// What the agent can be told to do.
    var operations: [AgentOperation] { get }
    /// Requests beyond operations that the agent answers, by action.
    var queries: [AgentQuery] { get }
    /// Called once, when the sockets are open and before the first operation starts.
    func begin(_ services: AgentServices) async throws
}

extension Agent {
    /// Most agents answer nothing but operations.
    public var queries: [AgentQuery] { [] }

    /// Most agents need nothing but their sessions.
    public func begin(_ services: AgentServices) async throws {}
}

/// A request beyond operations that an agent answers, such as the reader's `get_data`.
public struct AgentQuery: Sendable {
    /// The action that a request names.
    public let action: String
    /// What it asks of who asks.
    public let needs: Need
    let way: Way
    /// Whether the arguments come as `.bytes` of their MessagePack.
    private(set) var isUndecoded = false

    enum Way: Sendable {
        /// On the reactor.
        case atOnce(@Sendable (Value, Caller) throws -> Value)
        /// Off the reactor, several at a time.
        case later(@Sendable (Value, Caller) async throws -> Value)
        /// As `later`, with a result that is written into the bytes of the reply.
        case long(@Sendable (Value) async throws -> LongResult)
    }

    /// A query that is answered before the reactor does anything else.
    ///
    /// For what is no more than a look into memory: it spares two threads that would be woken.
    public init(
        atOnce action: String,
        needs: Need = .role(.observe),
        answer: @escaping @Sendable (Value, Caller) throws -> Value
    ) {
        self.action = action
        self.needs = needs
        way = .atOnce(answer)
    }

    /// A query that is answered before the reactor does anything else, of arguments as they stand.
    ///
    /// For what comes so often that its values are not built first: the bytes are one item of
    /// MessagePack within the limits of a request, in which texts may be no UTF-8.
    public init(
        undecoded action: String,
        needs: Need = .role(.observe),
        answer: @escaping @Sendable ([UInt8], Caller) throws -> Value
    ) {
        self.init(atOnce: action, needs: needs) { try answer($0.bytes ?? [], $1) }
        isUndecoded = true
    }

    /// A query, answered off the reactor and several at a time.
    public init(
        _ action: String,
        needs: Need = .role(.observe),
        answer: @escaping @Sendable (Value) async throws -> Value
    ) {
        self.init(action, needs: needs) { arguments, _ in try await answer(arguments) }
    }

    /// A query whose answer depends on who asks; answered off the reactor too.
    public init(
        _ action: String,
        needs: Need = .role(.observe),
        answer: @escaping @Sendable (Value, Caller) async throws -> Value
    ) {
        self.action = action
        self.needs = needs
        way = .later(answer)
    }

    /// A query whose answers may be long; answered off the reactor too.
    public init(
        long action: String,
        needs: Need = .role(.observe),
        answer: @escaping @Sendable (Value) async throws -> LongResult
    ) {
        self.action = action
        self.needs = needs
        way = .long(answer)
    }

    /// Answers one request of a caller.
    public func answer(_ arguments: Value, _ caller: Caller) async throws -> Value {
        let arguments = isUndecoded ? .bytes(arguments.messagePack) : arguments
        return switch way {
        case .atOnce(let answer): try answer(arguments, caller)
        case .later(let answer): try await answer(arguments, caller)
        case .long(let answer): try await answer(arguments).value
        }
    }
}

/// One operation of an agent: a task ends by itself, a process runs until it is stopped.
public struct AgentOperation: Sendable {
    /// How an operation ends.
    public enum Kind: String, Sendable {
        case task
        case process
    }

    /// The name, by `Name.rule`, unique within the agent.
    public let name: String
    /// How it ends.
    public let kind: Kind
    /// What it does, for people.
    public let help: String
    /// Whether a task may be cut short; processes are stopped instead.
    public let isAbortable: Bool
    /// The role that starts, stops and aborts it.
    public let needs: Role
    /// What it takes, read off from its parameters' own `init(from:)`.
    public let parameters: [ParameterDeclaration]
    /// Checks the parameters and returns the body that runs with them.
    let prepare:
        @Sendable ([String: Value]) throws(ParameterError) ->
            @Sendable (OperationSession)
            async throws -> Void

    /// A process without parameters: `body` runs until its task is cancelled.
    public static func process(
        _ name: String,
        help: String = "",
        needs: Role = .operate,
        _ body: @escaping @Sendable (OperationSession) async throws -> Void
    ) -> AgentOperation {
        make(name, .process, help, false, needs) { (session, _: NoParameters) in
            try await body(session)
        }
    }

    /// A process with parameters: `body` runs until its task is cancelled.
    public static func process<Parameters: OperationParameters>(
        _ name: String,
        help: String = "",
        needs: Role = .operate,
        _ body: @escaping @Sendable (OperationSession, Parameters) async throws -> Void
    ) -> AgentOperation {
        make(name, .process, help, false, needs, body)
    }

    /// A task without parameters; cancelled by `abort` only if `abortable`.
    public static func task(
        _ name: String,
        help: String = "",
        abortable: Bool = false,
        needs: Role = .operate,
        _ body: @escaping @Sendable (OperationSession) async throws -> Void
    ) -> AgentOperation {
        make(name, .task, help, abortable, needs) { (session, _: NoParameters) in
            try await body(session)
        }
    }

    /// A task with parameters; cancelled by `abort` only if `abortable`.
    public static func task<Parameters: OperationParameters>(
        _ name: String,
        help: String = "",
        abortable: Bool = false,
        needs: Role = .operate,
        _ body: @escaping @Sendable (OperationSession, Parameters) async throws -> Void
    ) -> AgentOperation {
        make(name, .task, help, abortable, needs, body)
    }

    /// The same operation with a text among its parameters that is one of `choices` as they are
    /// when it is asked for.
    public func choosing(
        _ name: String,
        from choices: @escaping @Sendable () -> [String]
    ) -> AgentOperation {
        let now = choices()
        let declared = parameters.map { $0.name == name ? $0.choosing(now) : $0 }
        return AgentOperation(
            name: self.name,
            kind: kind,
            help: help,
            isAbortable: isAbortable,
            needs: needs,
            parameters: declared
        ) { given throws(ParameterError) in
            let body = try prepare(given)
            let declaration = declared.first { $0.name == name }?.choosing(choices())
            if let declaration, let value = given[name], let text = value.string,
                declaration.choices?.contains(text) == false
            {
                throw .outOfRange(
                    name,
                    found: declaration.shown(value),
                    expected: declaration.expectation
                )
            }
            return body
        }
    }

    /// Refuses parameters that a start would refuse.
    ///
    /// - Throws: ``ParameterError``.
    public func check(_ given: [String: Value]) throws(ParameterError) {
        _ = try prepare(given)
    }

    private static func make<Parameters: OperationParameters>(
        _ name: String,
        _ kind: Kind,
        _ help: String,
        _ isAbortable: Bool,
        _ needs: Role,
        _ body: @escaping @Sendable (OperationSession, Parameters) async throws -> Void
    ) -> AgentOperation {
        AgentOperation(
            name: name,
            kind: kind,
            help: help,
            isAbortable: isAbortable,
            needs: needs,
            parameters: ParameterReader.declarations(of: Parameters.self)
        ) { given throws(ParameterError) in
            let parameters = try ParameterReader.read(Parameters.self, from: given)
            return { session in try await body(session, parameters) }
        }
    }
}
