internal import Hummingbird
internal import PromQL
internal import Telemetry

/// Prometheus' HTTP interface under `/prometheus`, as Grafana's own data source asks.
struct PrometheusRoutes: Sendable {
    let service: QueryService
    let labels: SeriesLabels

    private let base = "/prometheus/api/v1"

    init(service: QueryService, labels: SeriesLabels) {
        self.service = service
        self.labels = labels
    }

    /// What it answers.
    var routes: [Route] {
        PrometheusQuery.Question.allCases.map { question in
            Route(
                methods: question == .values ? [.get] : [.get, .post],
                path: "\(base)/\(question.path)",
                about: question.about,
                parameters: question.parameters,
                answer: .json(Self.schema(question.schema)),
                statuses: [400, 422, 503],
                handler: { request, context in
                    let label = context.parameters.get("label")
                    return try await self.answer(question, label: label, request)
                }
            )
        }
            + Self.constants.map { name, value in
                Route(
                    methods: [.get, .post],
                    path: "\(base)/\(name)",
                    about: "always the same",
                    answer: .json(Self.schema(Schema.any)),
                    handler: { _, _ in Self.response(.ok, PrometheusAnswer.value(value).json) }
                )
            }
    }

    private static func schema(_ data: Value) -> Value {
        Schema.object(["status": Schema.choice(["success"]), "data": data])
    }

    /// What is asked of every Prometheus, and is always the same here.
    private static let constants: [(name: String, value: Value)] = [
        // Without `features`, Grafana takes it for a Prometheus of this version.
        (
            "status/buildinfo",
            [
                "version": "2.42.0", "revision": "cerro", "branch": "", "buildUser": "",
                "buildDate": "", "goVersion": "",
            ]
        ),
        ("query_exemplars", []),
        ("rules", ["groups": []]),
        ("alerts", ["alerts": []]),
    ]

    private func answer(
        _ question: PrometheusQuery.Question,
        label: String?,
        _ request: Request
    ) async throws -> Response {
        let arguments = FormArguments(try await parameters(request))
        do throws(QueryError) {
            let query = try PrometheusQuery(
                question,
                label: label,
                arguments,
                now: service.time.now
            )
            let labels = labels
            let answer = try await service.run(.promql) { engine, deadline throws(QueryError) in
                try query.answer(
                    from: ArchiveSeries(engine: engine, labels: labels, deadline: deadline)
                ).json
            }
            return Self.response(.ok, answer)
        } catch {
            var writer = JSONWriter()
            writer.write([
                "status": "error", "errorType": .string(error.prometheusType),
                "error": .string("\(error)"),
            ])
            writer.raw("\n")
            return Self.response(error.prometheusStatus, writer.bytes)
        }
    }

    /// Those of the address and of the form in the body.
    private func parameters(
        _ request: Request
    ) async throws -> [(name: String, text: String)] {
        let inAddress = AddressQuery.pairs(request.uri.query ?? "")
        guard request.method == .post else { return inAddress }
        let body = try await request.body.collect(upTo: ReaderLimits.bodyBytes)
        return inAddress + AddressQuery.pairs(String(buffer: body))
    }

    private static func response(_ status: HTTPResponse.Status, _ json: [UInt8]) -> Response {
        Response(status, contentType: "application/json", json)
    }
}

extension QueryError {
    fileprivate var prometheusStatus: HTTPResponse.Status {
        switch self {
        case .expression(PromQLError.execution), .limit: .unprocessableContent
        default: status
        }
    }

    /// The kinds of errors that Prometheus has.
    fileprivate var prometheusType: String {
        switch self {
        case .expression(PromQLError.execution), .limit: "execution"
        case .busy, .timeout: "timeout"
        case .archive: "internal"
        default: "bad_data"
        }
    }
}
