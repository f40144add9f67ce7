internal import Hummingbird
internal import Telemetry

/// How the reader and its site are, for those who watch over them.
struct HealthRoutes: Sendable {
    let service: QueryService
    let live: LiveRoutes

    /// `GET /metrics`.
    func metrics(_ request: Request) async throws -> Response {
        let now = service.time.now
        let table = live.table
        let form = MetricsText.Form(accept: request.headers[.accept])
        var text = MetricsText(form)
        // What cannot be read is not there; the rest is.
        let archive = try? await service.status()
        let hour = CompletenessQuery(range: now - .seconds(3600)..<now, now: now)
        let completeness = archive == nil ? nil : try? await service.completeness(hour)
        ReaderMetrics(
            counts: service.counters.counts,
            sentBytes: service.counters.sentBytes,
            load: service.load,
            watchers: live.watcherCount,
            droppedSamples: table.droppedCount,
            archive: archive ?? nil,
            completeness: completeness,
            now: now
        ).write(to: &text)
        SiteMetrics(rows: table.rows) { table.sample(of: $0)?.value.number }.write(to: &text)
        return Response(.ok, contentType: form.rawValue, text.bytes)
    }

    /// `GET /readyz`: whether answers are as new as the archive.
    func readiness() -> Response {
        guard let problem = service.unreadiness else { return Response(json: ["status": "ready"]) }
        return Response(
            .serviceUnavailable,
            json: ["status": "not ready", "reason": .string(problem)]
        )
    }
}

extension Value {
    /// A number of any type; nil if it is none.
    fileprivate var number: Double? { double ?? int.map(Double.init) }
}
