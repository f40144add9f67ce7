internal import Archive
internal import Hummingbird
internal import Telemetry

/// What Grafana's SimpleJSON data source asks, under `/grafana`, as sisock-http had it.
///
/// A target is a field's full name or a pattern with `*`; sisock's `instance::field` is none.
///
/// Source: `simple-json-datasource` 1.4.2, README, "Building your own backend".
struct SimpleJSONRoutes: Sendable {
    let service: QueryService
    /// The site as it is now.
    let table: LiveTable

    /// What it answers.
    var routes: [Route] {
        let cell = Schema.orNull(Schema.oneOf([Schema.number, Schema.text]))
        let points = Schema.list(Schema.list(cell))
        let series = Schema.object(["target": Schema.text, "datapoints": points])
        let column = Schema.object(["text": Schema.text, "type": Schema.text])
        let table = Schema.object([
            "type": Schema.choice(["table"]), "columns": Schema.list(column),
            "rows": Schema.list(Schema.list(cell)),
        ])
        let annotation = Schema.object([
            "annotation": Schema.any, "time": Schema.number, "timeEnd": Schema.number,
            "isRegion": Schema.truth, "title": Schema.text, "tags": Schema.text,
            "text": Schema.text,
        ])
        let key = Schema.object(["type": Schema.text, "text": Schema.text])
        return [
            Route(
                methods: [.get, .options],
                path: "/grafana",
                about: "whether the data source works",
                answer: .json(Schema.object(["status": Schema.text])),
                statuses: [503],
                handler: { request, _ in try test(request) }
            ),
            post("search", "field names that hold a text", Schema.list(Schema.text)) {
                try await search($0)
            },
            post("query", "series or tables", Schema.list(Schema.oneOf([series, table]))) {
                try await query($0)
            },
            post("annotations", "rows of the ledger, and open faults", Schema.list(annotation)) {
                try await annotations($0)
            },
            post("tag-keys", "by what series can be chosen", Schema.list(key)) { _ in
                .array(SimpleJSONQuery.tagKeys.map { ["type": "string", "text": .string($0)] })
            },
            post(
                "tag-values",
                "the values of such a key",
                Schema.list(Schema.object(["text": Schema.text]))
            ) { try await tagValues($0) },
        ]
    }

    /// A question that is posted as JSON; the browser may ask first whether it may.
    private func post(
        _ name: String,
        _ about: String,
        _ schema: Value,
        _ answer: @escaping @Sendable (Value) async throws -> Value
    ) -> Route {
        Route(
            methods: [.post, .options],
            path: "/grafana/" + name,
            about: about,
            isPostedAsJSON: true,
            answer: .json(schema),
            statuses: [400, 413, 422, 503],
            handler: { request, _ in
                if request.method == .options { return Self.preflight(request) }
                let body = try await Self.body(of: request)
                return Self.shared(Response(json: try await answer(body)), with: request)
            }
        )
    }

    private func test(_ request: Request) throws -> Response {
        if request.method == .options { return Self.preflight(request) }
        if let problem = service.unreadiness { throw QueryError.archive(problem) }
        return Self.shared(Response(json: ["status": "ok"]), with: request)
    }

    private static func body(of request: Request) async throws -> Value {
        let text = String(buffer: try await request.body.collect(upTo: ReaderLimits.bodyBytes))
        guard !text.isEmpty else { return [:] }
        guard let value = try? Value(json: text), case .map = value else {
            throw QueryError.parameter("the body", found: text, expected: "a JSON map")
        }
        return value
    }

    // MARK: Other origins

    /// What a browser asks before it asks.
    ///
    /// The guard has let in only origins of this machine, unless a proxy stands before the reader.
    private static func preflight(_ request: Request) -> Response {
        var response = Response(status: .ok, headers: Response.headers(contentType: "text/plain"))
        response.headers[.accessControlAllowMethods] = "GET, POST, OPTIONS"
        response.headers[.accessControlAllowHeaders] = "accept, content-type"
        response.headers[.accessControlMaxAge] = "600"
        return shared(response, with: request)
    }

    /// The answer, for the page that asked and no other.
    private static func shared(_ response: Response, with request: Request) -> Response {
        guard let origin = request.headers[.origin] else { return response }
        var response = response
        response.headers[.accessControlAllowOrigin] = origin
        response.headers[.vary] = "Origin"
        return response
    }

    // MARK: Questions

    private func search(_ body: Value) async throws -> Value {
        let text = body["target"]?.string ?? ""
        let range = FieldsQuery.firstInstant.resolved(at: service.time.now)..<service.time.now
        let fields = try await service.fields(FieldsQuery(range: range)).fields
        let names = fields.map(\.name.description)
            .filter { text.isEmpty || $0.localizedContains(text) }
        return .array(names.prefix(ReaderLimits.searchNames).map(Value.string))
    }

    private func query(_ body: Value) async throws -> Value {
        let query = try SimpleJSONQuery(body, now: service.time.now)
        var answers: [Value] = []
        for target in query.targets {
            let answer = try await service.data(query.data(of: target))
            answers += target.isTable ? [answer.simpleTable] : answer.series(of: target.pattern)
        }
        return .array(answers)
    }

    private func annotations(_ body: Value) async throws -> Value {
        let range = try SimpleJSONQuery.range(body, now: service.time.now)
        let annotation = body["annotation"] ?? .null
        let text = annotation["query"]?.string ?? ""
        let pattern = text.isEmpty ? nil : FieldPattern(text).widened
        let rows = try await service.gaps(
            GapsQuery(
                range: range,
                patterns: pattern.map { [$0] } ?? [],
                limit: ReaderLimits.annotations
            )
        )
        let faults = table.rows.flatMap { row -> [Value] in
            // A fault is the agent's, whichever of its fields are asked for.
            guard pattern?.mayMatch(beginning: row.instance + ".") ?? true else { return [] }
            return row.faults.filter { $0.since < range.upperBound }.map { fault in
                fault.annotation(annotation, of: row.instance, until: range.upperBound)
            }
        }
        return .array(rows.map { $0.annotation(annotation) } + faults)
    }

    private func tagValues(_ body: Value) async throws -> Value {
        let key = body["key"]?.string ?? ""
        guard let place = SimpleJSONQuery.tagKeys.firstIndex(of: key) else {
            throw QueryError.parameter(
                "key",
                found: key,
                expected: "one of " + SimpleJSONQuery.tagKeys.joined(separator: ", ")
            )
        }
        let range = FieldsQuery.firstInstant.resolved(at: service.time.now)..<service.time.now
        let names = try await service.fields(FieldsQuery(range: range)).fields.map(\.name)
        let values = Set(names.map { [$0.instance, $0.feed, $0.field][place] })
        return .array(values.sorted().map { ["text": .string($0)] })
    }
}

extension String {
    /// Whether it holds `text`, however that is written.
    fileprivate func localizedContains(_ text: String) -> Bool {
        lowercased().contains(text.lowercased())
    }
}
