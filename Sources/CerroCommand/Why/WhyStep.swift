internal import Telemetry

/// One place on the way of a field, and whether it does its part.
struct WhyStep: Hashable, Sendable {
    /// The places, in the order in which a sample passes them.
    enum Place: String, Hashable, Sendable, CaseIterable {
        case instrument, agent, log, link, journal, seal, index, query
    }

    /// Whether a place does its part.
    enum State: String, Hashable, Sendable {
        /// It does.
        case ok
        /// It does not.
        case broken
        /// Nobody could be asked.
        case unknown
    }

    /// Where.
    var place: Place
    /// How it is.
    var state: State
    /// What was found, as a phrase.
    var text: String
    /// Since when it is broken, where that is known.
    var since: Timestamp?
    /// What to do about it.
    var advice = ""

    /// A place that does its part.
    static func ok(_ place: Place, _ text: String) -> WhyStep {
        WhyStep(place: place, state: .ok, text: text)
    }

    /// A place of which nobody knows.
    static func unknown(_ place: Place, _ text: String) -> WhyStep {
        WhyStep(place: place, state: .unknown, text: text)
    }

    /// A place that does not do its part.
    static func broken(
        _ place: Place,
        _ text: String,
        since: Timestamp? = nil,
        do advice: String
    ) -> WhyStep {
        WhyStep(place: place, state: .broken, text: text, since: since, advice: advice)
    }
}

/// The way of one field, place by place.
struct WhyReport: Sendable {
    /// The field.
    let field: FieldName
    /// The places in order.
    let steps: [WhyStep]

    /// The first place that is broken, nil where all is fine.
    var broken: WhyStep? { steps.first { $0.state == .broken } }

    /// The lines for people; words instead of signs where nobody looks at a terminal.
    func lines(now: Timestamp, _ console: Console) -> [String] {
        let width = (WhyStep.Place.allCases.map(\.rawValue.count).max() ?? 0) + 2
        var lines = steps.map { step in
            let name = step.place.rawValue
            let fill = String(repeating: " ", count: width - name.count)
            return Self.mark(step.state).text(on: console) + "  " + name + fill
                + TextTable.onOneLine(step.text)
        }
        guard let broken else { return lines + ["", "\(field) is fine"] }
        let since = broken.since.map { ", since \($0) (\(HumanText.age(of: $0, at: now)))" } ?? ""
        lines += [
            "", TextTable.onOneLine("broken: \(broken.place.rawValue)\(since): \(broken.text)"),
        ]
        if !broken.advice.isEmpty { lines.append("to do: " + TextTable.onOneLine(broken.advice)) }
        return lines
    }

    private static func mark(_ state: WhyStep.State) -> Mark {
        switch state {
        case .ok: Mark(sign: "✓", word: "ok", colour: .green)
        case .broken: Mark(sign: "✗", word: "broken", colour: .red)
        case .unknown: Mark(sign: "–", word: "unknown", colour: .faint)
        }
    }

    /// The report as one JSON document.
    var value: Value {
        [
            "field": .string(field.description),
            "steps": .array(steps.map(\.value)),
            "broken": broken.map { .string($0.place.rawValue) } ?? .null,
            "since": broken?.since.map(Value.timestamp) ?? .null,
            "advice": broken.map { .string($0.advice) } ?? .null,
        ]
    }
}

extension WhyStep {
    fileprivate var value: Value {
        [
            "step": .string(place.rawValue), "state": .string(state.rawValue),
            "text": .string(text), "since": since.map(Value.timestamp) ?? .null,
            "advice": .string(advice),
        ]
    }
}
