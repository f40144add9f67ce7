internal import Archive
internal import Hummingbird
internal import Telemetry

/// How the reader and its site are, for those who watch over them.
struct HealthRoutes: Sendable {
    let service: QueryService
    let live: LiveRoutes
    let roll: ConnectionRoll

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
            refused: live.entrance.refused,
            load: service.load,
            watchers: table.audience.count,
            droppedSamples: table.droppedCount,
            ended: roll.drops,
            archive: archive ?? nil,
            completeness: completeness,
            now: now
        ).write(to: &text)
        let rows = table.rows
        SiteMetrics(rows: rows, newest: await newest(of: rows, now)).write(to: &text)
        return Response(.ok, contentType: form.rawValue, text.bytes)
    }

    /// The newest number of each field of the aggregators' own feed, by its full name.
    ///
    /// From the archive, which is where that feed goes: where it does not come, what it said last
    /// is no longer true.
    private func newest(of rows: [InstanceRow], _ now: Timestamp) async -> [String: Double] {
        let aggregators = rows.filter { $0.className == "Aggregator" }
        guard !aggregators.isEmpty else { return [:] }
        let query = DataQuery(
            fields: aggregators.map { FieldPattern("\($0.instance).recording.*") },
            range: now - ReaderLimits.recordingAge..<now
        )
        var newest: [String: Double] = [:]
        for field in (try? await service.data(query))?.timelines.flatMap(\.fields) ?? [] {
            guard case .samples(let column) = field.content,
                let row = (0..<column.count).last(where: column.isPresent)
            else { continue }
            newest[field.name] = column.number(row)
        }
        return newest
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
