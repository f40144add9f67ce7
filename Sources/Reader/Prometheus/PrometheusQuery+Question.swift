internal import Telemetry

extension PrometheusQuery {
    /// What can be asked, by the end of its path.
    enum Question: String, CaseIterable {
        case instant = "query"
        case range = "query_range"
        case labels, series, metadata
        case values = "label/{label}/values"

        var path: String { rawValue }

        var about: String {
            switch self {
            case .instant: "an expression of PromQL at one instant"
            case .range: "an expression of PromQL at steps of a range"
            case .labels: "which labels there are"
            case .series: "which series there are"
            case .metadata: "type, help and unit of each metric"
            case .values: "the values of a label"
            }
        }

        var parameters: [Route.Parameter] {
            switch self {
            case .instant:
                [
                    needed("query", "the expression"),
                    given("time", "Unix seconds or RFC 3339; now if left out"),
                ]
            case .range:
                [
                    needed("query", "the expression"), needed("start", "the first step"),
                    needed("end", "the last step, included"),
                    needed("step", "seconds, or a duration such as 30s"),
                ]
            case .labels: selection
            case .values:
                [.init(name: "label", place: .path, about: "its name")] + selection
            case .series: [matches(isNeeded: true)] + selection.dropFirst()
            case .metadata: [given("metric", "its name"), given("limit", "at most so many")]
            }
        }

        /// The shape of `data` in the answer.
        var schema: Value {
            switch self {
            case .instant, .range:
                Schema.object([
                    "resultType": Schema.choice(["scalar", "vector", "matrix"]),
                    "result": Schema.list(Schema.any),
                ])
            case .labels, .values: Schema.list(Schema.text)
            case .series: Schema.list(Schema.map(of: Schema.text))
            case .metadata:
                Schema.map(
                    of: Schema.list(
                        Schema.object([
                            "type": Schema.text, "help": Schema.text, "unit": Schema.text,
                        ])
                    )
                )
            }
        }

        private var selection: [Route.Parameter] {
            [
                matches(isNeeded: false), given("start", "from when"), given("end", "until when"),
                given("limit", "at most so many"),
            ]
        }

        private func matches(isNeeded: Bool) -> Route.Parameter {
            .init(
                name: "match[]",
                place: .form,
                isNeeded: isNeeded,
                isRepeated: true,
                about: "selectors; any of them"
            )
        }

        private func needed(_ name: String, _ about: String) -> Route.Parameter {
            .init(name: name, place: .form, isNeeded: true, about: about)
        }

        private func given(_ name: String, _ about: String) -> Route.Parameter {
            .init(name: name, place: .form, about: about)
        }
    }
}
