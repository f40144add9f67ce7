/// Writes metrics as text, in the form that was asked for.
///
/// Each family's name ends with its unit, as OpenMetrics wants it.
///
/// Source: OpenMetrics 1.0.0, "Text format"; Prometheus 2.42, "Exposition formats".
struct MetricsText {
    /// The two forms, which differ in what they say of a family and in how they end.
    enum Form: String {
        case openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8"
        case prometheus = "text/plain; version=0.0.4; charset=utf-8"

        /// OpenMetrics for those who know it.
        init(accept: String?) {
            // Who takes anything, by a browser or by hand, gets what every scraper understands.
            let names = ["text/plain", "application/openmetrics-text"]
            self = Accepted(accept).best(of: names) == names[1] ? .openMetrics : .prometheus
        }
    }

    /// What the numbers of a family are.
    enum Kind: String {
        case gauge, counter, summary
    }

    /// One number of a family.
    struct Sample {
        var suffix = ""
        var labels: [(name: String, value: String)] = []
        var number: Double

        init(_ number: Double, suffix: String = "", _ labels: (name: String, value: String)...) {
            (self.number, self.suffix, self.labels) = (number, suffix, labels)
        }
    }

    private let form: Form
    private var text = ""

    init(_ form: Form) {
        self.form = form
    }

    /// Adds a family `cerro_<name>_<unit>`; one without samples is left out.
    mutating func add(
        _ kind: Kind,
        _ name: String,
        unit: String,
        help: String,
        _ samples: [Sample]
    ) {
        guard !samples.isEmpty else { return }
        let family = "cerro_\(name)_\(unit)"
        // The older form calls a family of counters as its samples are called.
        let total = kind == .counter ? "_total" : ""
        let title = form == .openMetrics ? family : family + total
        text += "# HELP \(title) \(Self.escaped(help, form == .openMetrics))\n"
        text += "# TYPE \(title) \(kind.rawValue)\n"
        if form == .openMetrics { text += "# UNIT \(title) \(unit)\n" }
        for sample in samples {
            text += family + total + sample.suffix
            if !sample.labels.isEmpty {
                let labels = sample.labels.map { label in
                    "\(label.name)=\"\(Self.escaped(label.value, true))\""
                }
                text += "{\(labels.joined(separator: ","))}"
            }
            text += " \(Self.number(sample.number))\n"
        }
    }

    /// The whole text.
    var bytes: [UInt8] { Array((form == .openMetrics ? text + "# EOF\n" : text).utf8) }

    private static func number(_ number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number < 0 ? "-Inf" : "+Inf" }
        return number == number.rounded() && abs(number) < 1e15 ? "\(Int64(number))" : "\(number)"
    }

    private static func escaped(_ text: String, _ quotes: Bool) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "\\": escaped += "\\\\"
            case "\n", "\r\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.append(character)
            }
        }
        return escaped
    }
}
