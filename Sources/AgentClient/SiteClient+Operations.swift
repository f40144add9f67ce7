internal import MessageBus
public import Telemetry

extension SiteClient {
    /// Starts an operation of an instance.
    ///
    /// A command runs once or not at all: after ``ClientError/timedOut(_:after:)`` ask for the
    /// status before starting again.
    ///
    /// - Parameters:
    ///   - operation: a task, which ends by itself, or a process, which runs until it is stopped.
    ///   - instance: whose; `describe` lists its operations.
    ///   - parameters: checked by the instance before the operation starts.
    ///   - limit: how long to wait for its end in the same trip; zero returns at once.
    /// - Returns: the session, as it is when it ends or the limit passes.
    /// - Throws: ``ClientError``; ``ClientError/refused(code:text:result:)`` if it does not start,
    ///   or fails.
    @discardableResult
    public func start(
        _ operation: String,
        of instance: String,
        _ parameters: [String: Value] = [:],
        waiting limit: Duration = .zero
    ) async throws -> Session {
        try await session(
            Action.start,
            operation,
            instance,
            ["parameters": .map(parameters)],
            limit
        )
    }

    /// Stops a process, and waits for its end.
    ///
    /// - Returns: the session, as it is when it ends or the limit passes.
    /// - Throws: ``ClientError``.
    @discardableResult
    public func stop(
        _ operation: String,
        of instance: String,
        waiting limit: Duration = .seconds(10)
    ) async throws -> Session {
        try await session(Action.stop, operation, instance, [:], limit)
    }

    /// Cuts a task short that allows it, and waits for its end.
    ///
    /// - Returns: the session, as it is when it ends or the limit passes.
    /// - Throws: ``ClientError``.
    @discardableResult
    public func abort(
        _ operation: String,
        of instance: String,
        waiting limit: Duration = .seconds(10)
    ) async throws -> Session {
        try await session(Action.abort, operation, instance, [:], limit)
    }

    /// Waits for the end of the newest session of an operation.
    ///
    /// - Returns: the session, as it is when it ends or the limit passes.
    /// - Throws: ``ClientError``; ``ClientError/refused(code:text:result:)`` if it has failed.
    public func wait(
        for operation: String,
        of instance: String,
        _ limit: Duration
    ) async throws -> Session {
        try await session(Action.wait, operation, instance, [:], limit)
    }

    private func session(
        _ action: String,
        _ operation: String,
        _ instance: String,
        _ more: [String: Value],
        _ limit: Duration
    ) async throws -> Session {
        var arguments = more
        arguments["operation"] = .string(operation)
        arguments["wait_ns"] = .int(limit.nanoseconds)
        let reply = try await request(
            instance,
            action,
            .map(arguments),
            timeout: Self.patience + limit
        )
        let isUnderWay = reply.code == .waitTimeout
        guard reply.code == .ok || isUnderWay else {
            throw ClientError.refused(code: reply.code, text: reply.text, result: reply.result)
        }
        guard let session = reply.result["session"].flatMap(Session.init) else {
            throw ClientError.malformed(instance)
        }
        return session
    }
}
