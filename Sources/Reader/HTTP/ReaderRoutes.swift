internal import Hummingbird
internal import Telemetry

/// What HTTP answers to, each path a few lines over ``QueryService``.
struct ReaderRoutes: Sendable {
    let service: QueryService
    let live: LiveRoutes
    let labels: SeriesLabels
    var isBehindProxy = false

    private var health: HealthRoutes { HealthRoutes(service: service, live: live) }

    private typealias Answer = @Sendable (ReaderRoutes, Request) async throws -> Response

    private static let answers: [(path: String, answer: Answer)] = [
        ("/healthz", { _, _ in Response(json: ["status": "ok"]) }),
        ("/readyz", { routes, _ in routes.health.readiness() }),
        ("/metrics", { try await $0.health.metrics($1) }),
        ("/api/v1/fields", { try await $0.fields($1) }),
        ("/api/v1/data", { try await $0.data($1) }),
        ("/api/v1/gaps", { try await $0.gaps($1) }),
        ("/api/v1/completeness", { try await $0.completeness($1) }),
        ("/api/v1/limits", { _, _ in Response(json: ReaderLimits.value) }),
    ]

    /// The router of all paths.
    func router() -> Router<BasicRequestContext> {
        let router = Router()
        let prometheus = PrometheusRoutes(service: service, labels: labels)
        let paths = Self.answers.map(\.path) + live.paths + prometheus.paths
        router.add(
            middleware: RequestGuard(
                paths: paths,
                isBehindProxy: isBehindProxy,
                counters: service.counters
            )
        )
        live.add(to: router)
        prometheus.add(to: router)
        for (path, answer) in Self.answers {
            router.get(RouterPath(path)) { request, _ in try await answer(self, request) }
        }
        return router
    }

    private func fields(_ request: Request) async throws -> Response {
        let query = try FieldsQuery(arguments(request), now: service.time.now)
        return Response(json: try await service.fields(query).value)
    }

    private func gaps(_ request: Request) async throws -> Response {
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
            writer.raw("}\n")
        }
        return await response(
            TextAnswer(contentType: TextFormat.json.rawValue, pieces: [piece])
        )
    }

    private func completeness(_ request: Request) async throws -> Response {
        let arguments = try arguments(request)
        let times = try arguments.timeForm()
        let query = try CompletenessQuery(arguments.without(["time"]), now: service.time.now)
        return await response(try await service.completeness(query).json(times))
    }

    private func data(_ request: Request) async throws -> Response {
        let arguments = try arguments(request)
        let times = try arguments.timeForm()
        let accept = request.headers[.accept]
        guard let format = TextFormat(accept: accept) else {
            throw RequestError.format(accept: accept ?? "")
        }
        let query = try DataQuery(arguments.without(["time"]), now: service.time.now)
        return await response(try await service.data(query).text(format, times))
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
