internal import Hummingbird
internal import Telemetry

extension ReaderRoutes {
    private typealias Parameter = Route.Parameter

    private static let start = Parameter(
        name: "start",
        place: .query,
        about: "ISO 8601, Unix seconds, or before now as `-1h` or `-3600`"
    )
    private static let end = Parameter(
        name: "end",
        place: .query,
        about: "likewise, not included; now if left out"
    )
    private static let match = Parameter(
        name: "match",
        place: .query,
        isRepeated: true,
        about: "names of fields, feeds and instances, and patterns with `*`"
    )
    private static let field = Parameter(
        name: "field",
        place: .query,
        isRepeated: true,
        about: "names of fields, feeds and instances, and patterns with `*`"
    )
    private static let time = Parameter(
        name: "time",
        place: .query,
        schema: Schema.choice(TimeForm.allCases.map(\.rawValue)),
        about: "how times are written: seconds, nanoseconds, ISO 8601"
    )

    /// What the archive answers, and how the reader is.
    var own: [Route] {
        let health = HealthRoutes(service: service, live: live, roll: roll)
        let status = Schema.object(
            ["status": Schema.text, "reason": Schema.text],
            optional: ["reason"]
        )
        return [
            Route(
                methods: [.get],
                path: "/healthz",
                about: "whether the process lives",
                answer: .json(status),
                handler: { _, _ in Response(json: ["status": "ok"]) }
            ),
            Route(
                methods: [.get],
                path: "/readyz",
                about: "whether answers are as new as the archive",
                answer: .json(status),
                statuses: [503],
                handler: { _, _ in health.readiness() }
            ),
            Route(
                methods: [.get],
                path: "/metrics",
                about: "numbers about the reader and its site",
                answer: .init(types: ["text/plain", "application/openmetrics-text"]),
                handler: { request, _ in try await health.metrics(request) }
            ),
            Route(
                methods: [.get],
                path: "/api/v1/limits",
                about: "the limits of a question",
                answer: .json(Schema.map(of: Schema.number)),
                handler: { _, _ in Response(json: ReaderLimits.value) }
            ),
        ] + archive
    }

    private var archive: [Route] {
        [
            Route(
                methods: [.get],
                path: "/api/v1/fields",
                about: "which fields have samples; of all time where none is given",
                parameters: [Self.start, Self.end, Self.match],
                answer: .json(Self.fieldsSchema),
                statuses: [400, 422, 503],
                handler: { request, _ in try await fields(request) }
            ),
            Route(
                methods: [.get],
                path: "/api/v1/data",
                about: "samples of fields, or buckets of them",
                parameters: [
                    Parameter(
                        name: "field",
                        place: .query,
                        isNeeded: true,
                        isRepeated: true,
                        about: "names of fields, feeds and instances, and patterns with `*`"
                    ),
                    Parameter(
                        name: "start",
                        place: .query,
                        isNeeded: true,
                        about: Self.start.about
                    ),
                    Self.end,
                    Parameter(
                        name: "max_points",
                        place: .query,
                        schema: Schema.integer,
                        about: "at most so many buckets"
                    ),
                    Parameter(
                        name: "min_stride",
                        place: .query,
                        schema: Schema.number,
                        about: "seconds between two samples, at least; not beside max_points"
                    ),
                    Self.time,
                ],
                answer: .init(types: TextFormat.allCases.map(\.rawValue), schema: Self.dataSchema),
                statuses: [304, 400, 406, 413, 422, 503],
                handler: { request, _ in try await data(request) }
            ),
            Route(
                methods: [.get],
                path: "/api/v1/gaps",
                about: "what is missing or doubtful, and why",
                parameters: [
                    Self.start, Self.end, Self.match, Self.field, Self.time,
                    Parameter(
                        name: "kind",
                        place: .query,
                        schema: Schema.choice(["all", "missing", "retention", "clock"]),
                        about: "which rows"
                    ),
                    Parameter(
                        name: "limit",
                        place: .query,
                        schema: Schema.integer,
                        about: "at most so many rows, the newest"
                    ),
                ],
                answer: .json(
                    Schema.object([
                        "gaps": Schema.list(Schema.named("LedgerRow")),
                        "marks": Schema.list(Schema.named("LedgerRow")),
                        "left_out": Schema.integer, "notes": Schema.list(Schema.text),
                        "unknown": Schema.list(Schema.text),
                    ])
                ),
                statuses: [400, 422, 503],
                handler: { request, _ in try await gaps(request) }
            ),
            Route(
                methods: [.get],
                path: "/api/v1/completeness",
                about: "how much of each timeline is there, hour by hour",
                parameters: [Self.start, Self.end, Self.match, Self.field, Self.time],
                answer: .json(Self.completenessSchema),
                statuses: [400, 413, 422, 503],
                handler: { request, _ in try await completeness(request) }
            ),
        ]
    }

    private static let fieldsSchema = Schema.object([
        "fields": Schema.map(
            of: Schema.object([
                "description": Schema.orNull(Schema.text), "timeline": Schema.text,
                "type": Schema.text, "value_type": Schema.text,
                "units": Schema.orNull(Schema.text), "last": Schema.integer,
            ])
        ),
        "timelines": Schema.map(
            of: Schema.object([
                "interval": Schema.orNull(Schema.number), "field": Schema.list(Schema.text),
            ])
        ),
        "notes": Schema.list(Schema.text),
    ])

    private static let dataSchema = Schema.object(
        [
            "data": Schema.map(of: Schema.named("Column")),
            "nonfinite": Schema.any,
            "timeline": Schema.map(
                of: Schema.object(
                    [
                        "t": Schema.list(Schema.time), "end": Schema.list(Schema.time),
                        "fields": Schema.list(Schema.text),
                        "units": Schema.list(Schema.orNull(Schema.text)),
                        "finalized_until": Schema.time, "revision": Schema.integer,
                    ],
                    optional: ["end"]
                )
            ),
            "gaps": Schema.list(Schema.named("LedgerRow")),
            "marks": Schema.list(Schema.named("LedgerRow")),
            "tier": Schema.choice(["raw", "minute", "hour", "index"]),
            "notes": Schema.list(Schema.text),
        ],
        optional: ["nonfinite"]
    )

    private static let completenessSchema = Schema.object([
        "timelines": Schema.map(
            of: Schema.object([
                "period": Schema.orNull(Schema.number),
                "hours": Schema.list(
                    Schema.object([
                        "start": Schema.time, "end": Schema.time, "rows": Schema.integer,
                        "missing": Schema.orNull(Schema.integer),
                        "expected": Schema.orNull(Schema.number),
                        "completeness": Schema.orNull(Schema.number),
                        "of_expected": Schema.orNull(Schema.number),
                    ])
                ),
            ])
        ),
        "notes": Schema.list(Schema.text),
    ])
}
