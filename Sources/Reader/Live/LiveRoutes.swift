internal import Hummingbird
internal import MessageBus
internal import Telemetry

/// The site as it is now: agents, their operations, and what changes as server-sent events.
///
/// Source of the events' form: WHATWG, "HTML", section 9.2, server-sent events.
struct LiveRoutes: Sendable {
    let site: any LiveSite
    /// The name of the site.
    let name: String
    let table: LiveTable
    let time: any TimeSource
    let entrance: Entrance

    /// What it answers.
    var routes: [Route] {
        let instance = Route.Parameter(name: "instance", place: .path, about: "an agent's id")
        let operation = Route.Parameter(name: "operation", place: .path, about: "one of its own")
        let action = Route.Parameter(
            name: "action",
            place: .path,
            schema: Schema.choice(Self.actions),
            about: "what to do with it; by GET, status only"
        )
        return [
            Route(
                methods: [.get],
                path: "/api/v1/live",
                about: "what changes, as server-sent events",
                parameters: [
                    .init(
                        name: "field",
                        place: .query,
                        isRepeated: true,
                        about: "fields, feeds, instances or patterns"
                    ),
                    .init(
                        name: "period",
                        place: .query,
                        schema: Schema.number,
                        about: "seconds between two looks"
                    ),
                    .init(
                        name: "beats",
                        place: .query,
                        schema: Schema.choice(["true", "false"]),
                        about: "whether heartbeats and newest samples are told too"
                    ),
                ],
                answer: .init(types: ["text/event-stream"]),
                statuses: [400, 503],
                isEndless: true,
                handler: { request, _ in try live(request) }
            ),
            Route(
                methods: [.get],
                path: "/api/v1/agents",
                about: "the registry's table",
                answer: .json(Schema.list(Schema.named("Agent"))),
                statuses: [503],
                handler: { _, _ in Response(json: .array(try await rows().map(\.value))) }
            ),
            Route(
                methods: [.get],
                path: "/api/v1/faults",
                about: "the faults that are open",
                answer: .json(Schema.list(Schema.named("Fault"))),
                statuses: [503],
                handler: { _, _ in try await faults() }
            ),
            Route(
                methods: [.get],
                path: "/api/v1/agents/{instance}",
                about: "what an agent says of itself",
                parameters: [instance],
                answer: .json(Schema.named("Reply")),
                statuses: [404, 503, 504],
                handler: { _, context in
                    let instance = try context.parameters.require("instance")
                    return try await answer(instance, Action.describe, [:])
                }
            ),
            Route(
                methods: [.post],
                path: "/api/v1/agents/{instance}/control/{change}",
                about: "takes control of an agent, or gives it back; the body is a JSON map",
                parameters: [
                    instance,
                    .init(
                        name: "change",
                        place: .path,
                        schema: Schema.choice([Action.take, Action.release]),
                        about:
                            "with `take` go `reason`, `seconds` and `break`, with `release` `break`"
                    ),
                ],
                isPostedAsJSON: true,
                answer: .json(Schema.named("Reply")),
                statuses: [400, 403, 404, 405, 409, 503, 504],
                handler: { request, context in try await self.control(request, context) }
            ),
            Route(
                methods: [.post, .get],
                path: "/api/v1/agents/{instance}/ops/{operation}/{action}",
                about: "starts, stops or asks for an operation; the body of `start` is a JSON map",
                parameters: [instance, operation, action],
                answer: .json(Schema.named("Reply")),
                statuses: [400, 403, 404, 405, 409, 503, 504],
                handler: { request, context in try await self.operation(request, context) }
            ),
        ]
    }

    private func faults() async throws -> Response {
        let faults = try await rows().flatMap { row in
            row.faults.map { fault -> Value in
                .map((fault.value.map ?? [:]).merging(["instance": .string(row.instance)]) { $1 })
            }
        }
        return Response(json: .array(faults))
    }

    private func rows() async throws -> [InstanceRow] {
        do {
            let rows = try await site.table()
            table.note(rows, at: time.now)
            return rows
        } catch {
            throw RequestError.site(error)
        }
    }

    // MARK: Operations

    private static let actions = [
        Action.start, Action.stop, Action.abort, Action.wait, Action.status,
    ]

    /// `POST …/ops/<operation>/<action>`; the body of `start` is a JSON map of its parameters.
    private func operation(
        _ request: Request,
        _ context: ReaderContext
    ) async throws -> Response {
        let instance = try context.parameters.require("instance")
        let action = try context.parameters.require("action")
        guard Self.actions.contains(action) else {
            throw QueryError.parameter(
                "action",
                found: action,
                expected: "one of " + Self.actions.joined(separator: ", ")
            )
        }
        // A GET changes nothing: a browser may send it again, or before it is asked to.
        guard request.method == .post || action == Action.status else {
            throw RequestError.needsPost(request.uri.path)
        }
        let operation = try context.parameters.require("operation")
        if Action.controlled.contains(action) { try check(operation, of: instance) }
        var arguments: [String: Value] = ["operation": .string(operation), "wait_ns": 0]
        if action == Action.start { arguments["parameters"] = try await parameters(request) }
        if action == Action.status { arguments["history"] = true }
        return try await answer(instance, action, .map(arguments))
    }

    /// `POST …/control/<take or release>`.
    private func control(
        _ request: Request,
        _ context: ReaderContext
    ) async throws -> Response {
        let instance = try context.parameters.require("instance")
        let change = try context.parameters.require("change")
        guard change == Action.take || change == Action.release else {
            throw QueryError.parameter(
                "change",
                found: change,
                expected: "\(Action.take) or \(Action.release)"
            )
        }
        try check("control", of: instance)
        let given = try await parameters(request)
        var arguments: [String: Value] = ["break": .bool(given["break"]?.bool ?? false)]
        if change == Action.take {
            arguments["reason"] = given["reason"] ?? ""
            if let seconds = given["seconds"]?.double, abs(seconds) < 1e9 {
                arguments["duration_ns"] = .int(Int64(seconds * 1e9))
            }
        }
        return try await answer(instance, change, .map(arguments))
    }

    /// Refuses a command of whoever may not command anything of that name.
    private func check(_ operation: String, of instance: String) throws(RequestError) {
        guard let visitor = Visitor.current else { throw .token(.missing) }
        try entrance.check(visitor, commands: operation, of: instance)
    }

    private func parameters(_ request: Request) async throws -> Value {
        let text = String(buffer: try await request.body.collect(upTo: ReaderLimits.bodyBytes))
        guard !text.isEmpty else { return [:] }
        guard let value = try? Value(json: text), case .map = value else {
            throw QueryError.parameter(
                "the body",
                found: text,
                expected: "a JSON map of the operation's parameters"
            )
        }
        return value
    }

    private func answer(
        _ instance: String,
        _ action: String,
        _ arguments: Value
    ) async throws -> Response {
        let reply: Reply
        do {
            reply = try await site.reply(
                of: instance,
                to: action,
                arguments,
                for: Visitor.current?.asker
            )
        } catch {
            throw RequestError.site(error)
        }
        let body: Value = [
            "code": .string(reply.code.rawValue), "text": .string(reply.text),
            "result": reply.result,
        ]
        return Response(reply.code.status, json: body)
    }

    // MARK: Events

    /// `GET /api/v1/live?field=…&period=…&beats=…`: what changes, as events `samples` and `agents`,
    /// and each time an event `beat` to whoever wants it.
    private func live(_ request: Request) throws -> Response {
        let arguments = QueryArguments(pairs: AddressQuery.pairs(request.uri.query ?? ""))
        try arguments.allow(["field", "period", "beats"])
        let patterns = try arguments.patterns("field").map(\.widened)
        let period = try arguments.seconds("period") ?? ReaderLimits.livePeriod
        guard period >= ReaderLimits.shortestLivePeriod else {
            throw QueryError.parameter(
                "period",
                found: "\(period.inSeconds) s",
                expected: "\(ReaderLimits.shortestLivePeriod.inSeconds) s or more"
            )
        }
        let wantsBeats = try arguments.choice("beats", of: ["false", "true"]) == "true"
        guard table.audience.take(atMost: ReaderLimits.watchers) else {
            throw QueryError.busy(waiting: ReaderLimits.watchers)
        }
        let (name, table, time, entrance) = (name, table, time, entrance)
        let visitor = Visitor.current
        var headers = Response.headers(contentType: "text/event-stream")
        headers[.connection] = "keep-alive"
        let body = ResponseBody { writer in
            defer { table.audience.giveBack() }
            var watcher = LiveTable.Watcher(patterns)
            var quiet = Duration.zero
            while !Task.isCancelled, visitor.map(entrance.holds) ?? true {
                let (samples, rows) = watcher.changes(in: table)
                var text = JSONWriter()
                if !rows.isEmpty { text.event("agents", rows) { $0.write($1.value) } }
                if !samples.isEmpty { text.event("samples", samples) { $0.write($1) } }
                if wantsBeats { text.beat(of: name, table, now: time.now) }
                // A word now and then finds out that nobody listens any more.
                quiet = text.bytes.isEmpty ? quiet + period : .zero
                if quiet >= ReaderLimits.quietPeriod {
                    text.raw(": nothing new\n\n")
                    quiet = .zero
                }
                if !text.bytes.isEmpty {
                    try await writer.write(ByteBuffer(bytes: text.bytes))
                }
                try await time.sleep(for: period)
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }
}

extension JSONWriter {
    /// Writes one event, whose data is a list on one line.
    fileprivate mutating func event<Element>(
        _ name: StaticString,
        _ elements: [Element],
        _ write: (inout JSONWriter, Element) -> Void
    ) {
        raw("event: ")
        raw(name)
        raw("\ndata: ")
        list(elements, write)
        raw("\n\n")
    }

    /// Writes who lives: what a page needs to tell how old the things are that it shows.
    fileprivate mutating func beat(of site: String, _ table: LiveTable, now: Timestamp) {
        let (pulses, looked) = table.pulses
        raw("event: beat\ndata: {\"site\":")
        write(site)
        raw(",\"now\":")
        write(now, .s)
        raw(",\"registry\":")
        if let looked { write(looked, .s) } else { raw("null") }
        raw(",\"agents\":")
        list(pulses) { $0.write($1) }
        raw("}\n\n")
    }

    /// `[instance, heartbeat, newest sample or null, rows, records]`, times in seconds.
    fileprivate mutating func write(_ pulse: LiveTable.Pulse) {
        raw("[")
        write(pulse.instance)
        raw(",")
        write(pulse.heartbeat, .s)
        raw(",")
        if let newest = pulse.newest { write(newest, .s) } else { raw("null") }
        raw(",")
        write(Int64(pulse.rows))
        raw(",")
        write(pulse.published)
        raw("]")
    }

    /// `[name, time in seconds, value]`.
    fileprivate mutating func write(_ sample: LiveTable.Sample) {
        raw("[")
        write(sample.name)
        raw(",")
        write(sample.time, .s)
        raw(",")
        write(sample.value)
        raw("]")
    }
}

extension ReplyCode {
    /// How HTTP says it.
    fileprivate var status: HTTPResponse.Status {
        switch self {
        case .ok: .ok
        case .parameterInvalid, .requestMalformed, .requestVersion, .operationNotAbortable:
            .badRequest
        case .refused: .forbidden
        case .actionUnknown, .targetUnknown, .operationUnknown, .fieldUnknown, .feedUnknown,
            .positionUnknown:
            .notFound
        case .operationBusy, .operationIdle, .requestDuplicateID, .leaseHeld, .controlHeld,
            .siteOther:
            .conflict
        case .requestTooMany, .requestStale, .shuttingDown, .leaseUnknown, .leaseWait:
            .serviceUnavailable
        case .waitTimeout: .gatewayTimeout
        case .operationFailed, .queryFailed, .queryLimit, .internal: .internalServerError
        }
    }
}
