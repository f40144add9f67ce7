internal import Hummingbird
internal import Logging
internal import Telemetry

/// What HTTP answers to, each path a few lines over ``QueryService``.
struct ReaderRoutes: Sendable {
    let service: QueryService
    let live: LiveRoutes
    let labels: SeriesLabels
    let entrance: Entrance
    /// The connections on which it is asked.
    var roll = ConnectionRoll(logger: Logger(label: "reader.http"), time: SystemTimeSource())

    /// The router of all paths.
    func router() -> Router<ReaderContext> {
        let router = Router(context: ReaderContext.self)
        let routes = routes
        router.add(
            middleware: RequestGuard(
                routes: routes,
                entrance: entrance,
                counters: service.counters
            )
        )
        router.add(middleware: Compression(service: service))
        for route in routes { route.add(to: router) }
        return router
    }

    /// All that is answered, described by one of them.
    var routes: [Route] {
        let prometheus = PrometheusRoutes(service: service, labels: labels)
        let simple = SimpleJSONRoutes(service: service, table: live.table)
        let login = LoginRoutes(entrance: entrance)
        let others =
            MonitorRoutes.routes + own + login.routes + live.routes + prometheus.routes
            + simple.routes
        return others + [OpenAPI.route(for: others)]
    }

    func fields(_ request: Request) async throws -> Response {
        let query = try FieldsQuery(arguments(request), now: service.time.now)
        return Response(json: try await service.fields(query).value)
    }

    func gaps(_ request: Request) async throws -> Response {
        let arguments = try arguments(request)
        let times = try arguments.timeForm()
        let query = try GapsQuery(arguments.without(["time"]), now: service.time.now)
        let ledger = try await service.ledger(query)
        let piece: TextAnswer.Piece = { writer in
            writer.raw("{\"gaps\":")
            writer.list(ledger.gaps) { $0.write($1, times) }
            writer.raw(",\"marks\":")
            writer.list(ledger.marks) { $0.write($1, times) }
            writer.raw(",\"left_out\":")
            writer.write(Int64(ledger.leftOut))
            writer.raw(",\"notes\":")
            writer.list(ledger.notes) { $0.write($1) }
            writer.raw(",\"unknown\":")
            writer.list(ledger.unknown) { $0.write($1) }
            writer.raw("}\n")
        }
        return await response(
            TextAnswer(contentType: TextFormat.json.rawValue, pieces: [piece])
        )
    }

    func completeness(_ request: Request) async throws -> Response {
        let arguments = try arguments(request)
        let times = try arguments.timeForm()
        let query = try CompletenessQuery(arguments.without(["time"]), now: service.time.now)
        return await response(try await service.completeness(query).json(times))
    }

    func data(_ request: Request) async throws -> Response {
        let arguments = try arguments(request)
        let times = try arguments.timeForm()
        let accept = request.headers[.accept]
        guard let format = TextFormat(accept: accept) else {
            throw RequestError.format(accept: accept ?? "")
        }
        let query = try DataQuery(arguments.without(["time"]), now: service.time.now)
        let answer = try await service.data(query)
        let later = try DataQuery(
            arguments.without(["time"]),
            now: service.time.now + .seconds(3600)
        )
        guard later == query, answer.isFinal(before: query.range.upperBound) else {
            return await response(answer.text(format, times))
        }
        let tag = answer.tag(of: "\(request.uri.string) \(format.rawValue)")
        let isKnown = request.headers[.ifNoneMatch]?.contains(tag) ?? false
        var response =
            isKnown
            ? Response(status: .notModified) : await self.response(answer.text(format, times))
        response.headers[.eTag] = tag
        // A late sample, or a file that is back, changes the tag: so it is asked each time.
        response.headers[.cacheControl] = "private, no-cache"
        return response
    }

    private func arguments(_ request: Request) throws(QueryError) -> QueryArguments {
        QueryArguments(pairs: AddressQuery.pairs(request.uri.query ?? ""))
    }

    /// Sends a short answer at once, a long one in parts: each is made when the client has taken
    /// the one before.
    private func response(_ answer: TextAnswer) async -> Response {
        let service = service
        let first = await service.part(of: answer, from: 0)
        let headers = Response.headers(contentType: answer.contentType)
        guard first.next != nil else {
            let body = ResponseBody(byteBuffer: ByteBuffer(bytes: first.bytes))
            return Response(status: .ok, headers: headers, body: body)
        }
        let body = ResponseBody { writer in
            var part = first
            try await writer.write(ByteBuffer(bytes: part.bytes))
            while let next = part.next {
                part = await service.part(of: answer, from: next)
                try await writer.write(ByteBuffer(bytes: part.bytes))
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }
}

extension QueryArguments {
    /// How the answer writes its times: the parameter `time`.
    fileprivate func timeForm() throws(QueryError) -> TimeForm {
        TimeForm(rawValue: try choice("time", of: TimeForm.allCases.map(\.rawValue))) ?? .s
    }
}

extension ReaderLimits {
    /// The limits that a client can do something about.
    static var value: Value {
        [
            "values": .int(Int64(values)), "fields": .int(Int64(fields)),
            "ledger_rows": .int(Int64(ledgerRows)),
            "completeness_hours": .int(Int64(completenessHours)),
            "max_points": .int(Int64(buckets)), "address_bytes": .int(Int64(addressBytes)),
            "concurrent_queries": .int(Int64(concurrentQueries)),
            "waiting_queries": .int(Int64(waitingQueries)),
            "query_seconds": .double(queryTime.inSeconds),
        ]
    }
}
