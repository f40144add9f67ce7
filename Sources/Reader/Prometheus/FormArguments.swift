package import PromQL
package import Telemetry

/// The parameters of a question in an address and a form, by name.
package struct FormArguments: Sendable {
    private let given: [String: [String]]

    package init(_ pairs: [(name: String, text: String)]) {
        given = Dictionary(grouping: pairs, by: \.name).mapValues { $0.map(\.text) }
    }

    /// All values of a parameter, in order.
    func all(_ name: String) -> [String] { given[name] ?? [] }

    /// The first value, nil if there is none or it is empty.
    func first(_ name: String) -> String? { given[name]?.first { !$0.isEmpty } }

    func needed(_ name: String) throws(PromQLError) -> String {
        guard let text = first(name) else { throw .type("`\(name)` is missing") }
        return text
    }

    /// Unix seconds with decimals, or RFC 3339.
    package func time(_ name: String, _ now: Timestamp) throws(PromQLError) -> Timestamp? {
        guard let text = first(name) else { return nil }
        // Here 0 is 1970 wherever it stands.
        guard let time = try? TimeArgument(text, argument: name, isStart: true) else {
            throw .type(
                "`\(name)` is `\(text.prefix(100))`; expected Unix seconds or RFC 3339"
            )
        }
        return time.resolved(at: now)
    }

    /// The steps from `start` to `end`, `step` apart: seconds, or a duration such as `30s`.
    package func steps(_ now: Timestamp) throws(PromQLError) -> Steps {
        guard let start = try time("start", now), let end = try time("end", now) else {
            throw .type("`start` or `end` is missing")
        }
        let text = try needed("step")
        let step: Duration? =
            if let seconds = Double(text) {
                seconds > 0 && seconds < 1e9 ? .nanoseconds(Int64(seconds * 1e9)) : nil
            } else {
                try? PromQLQuery.duration(text)
            }
        guard let step else {
            throw .type(
                "`step` is `\(text.prefix(100))`; expected seconds above 0, or a duration such as "
                    + "30s"
            )
        }
        return try Steps(from: start, to: end, step: step)
    }

    /// The most elements of an answer.
    package func limit() throws(PromQLError) -> Int {
        guard let text = first("limit") else { return .max }
        guard let limit = Int(text), limit >= 0 else {
            throw .type("`limit` is `\(text.prefix(100))`; expected an integer from 0")
        }
        // Prometheus means by 0: all.
        return limit == 0 ? .max : limit
    }
}
