internal import Telemetry

/// One thing that was looked at, and how it is.
struct DoctorFinding: Hashable, Sendable {
    /// What is looked at, in the order in which it is told.
    enum Topic: String, Hashable, Sendable, CaseIterable {
        case site, names, ports, keys, clock, disk, limits, page, versions, reach
    }

    /// How it is.
    enum State: String, Hashable, Sendable {
        /// As it should be.
        case ok
        /// It works, and somebody should look.
        case warning
        /// Something does not work, or will not.
        case bad
    }

    /// What was looked at.
    var topic: Topic
    /// How it is.
    var state: State
    /// What was found, as a phrase.
    var text: String
    /// What to do; empty where it is as it should be.
    var advice = ""

    /// As it should be.
    static func ok(_ topic: Topic, _ text: String) -> DoctorFinding {
        DoctorFinding(topic: topic, state: .ok, text: text)
    }

    /// Somebody should look.
    static func warning(_ topic: Topic, _ text: String, do advice: String) -> DoctorFinding {
        DoctorFinding(topic: topic, state: .warning, text: text, advice: advice)
    }

    /// Something does not work.
    static func bad(_ topic: Topic, _ text: String, do advice: String) -> DoctorFinding {
        DoctorFinding(topic: topic, state: .bad, text: text, advice: advice)
    }

    /// The finding as a map.
    var value: Value {
        [
            "topic": .string(topic.rawValue), "state": .string(state.rawValue),
            "text": .string(text), "advice": .string(advice),
        ]
    }
}

/// All that was looked at.
struct DoctorReport: Sendable {
    /// The findings in order.
    let findings: [DoctorFinding]

    /// Whether nothing is bad.
    var isFine: Bool { count(.bad) == 0 }

    private func count(_ state: DoctorFinding.State) -> Int {
        findings.count { $0.state == state }
    }

    /// The lines for people: what was found, and below it what to do.
    func lines(_ console: Console) -> [String] {
        let width = (DoctorFinding.Topic.allCases.map(\.rawValue.count).max() ?? 0) + 2
        var lines: [String] = []
        for finding in findings {
            let mark = Self.mark(finding.state)
            let name = finding.topic.rawValue
            let fill = String(repeating: " ", count: width - name.count)
            let text = TextTable.onOneLine(finding.text)
            lines.append(mark.text(on: console) + "  " + name + fill + text)
            guard !finding.advice.isEmpty else { continue }
            let indent = String(repeating: " ", count: mark.width(on: console) + 2 + width)
            lines.append(indent + "to do: " + TextTable.onOneLine(finding.advice))
        }
        let sum = "\(count(.ok)) fine, \(count(.warning)) to look at, \(count(.bad)) bad"
        return lines + ["", sum]
    }

    private static func mark(_ state: DoctorFinding.State) -> Mark {
        switch state {
        case .ok: Mark(sign: "✓", word: "ok", colour: .green)
        case .warning: Mark(sign: "!", word: "warning", colour: .yellow)
        case .bad: Mark(sign: "✗", word: "bad", colour: .red)
        }
    }

    /// The report as one JSON document.
    var value: Value {
        ["fine": .bool(isFine), "findings": .array(findings.map(\.value))]
    }
}
