internal import Telemetry

/// Makes an expression of tokens, by the strength of operators.
struct Parser {
    private let tokens: [Token]
    private var next = 0
    private var depth = 0

    /// The expression that `text` is.
    static func expression(_ text: String) throws(PromQLError) -> Expression {
        var parser = try Parser(text)
        let expression = try parser.expression(atLeast: 1)
        try parser.end()
        return expression
    }

    /// The selector, with or without a window, that `text` is; nil if it is something else.
    static func selector(_ text: String) throws(PromQLError) -> (Selector, window: Duration?)? {
        var parser = try Parser(text)
        guard parser.isSelector else { return nil }
        let found = try parser.selector()
        return parser.token.kind == .end ? found : nil
    }

    private init(_ text: String) throws(PromQLError) {
        guard text.utf8.count <= PromQLLimits.expressionBytes else {
            throw .limit(
                what: "bytes in an expression",
                limit: PromQLLimits.expressionBytes,
                advice: "ask in several queries"
            )
        }
        tokens = try Lexer.tokens(of: text)
    }

    private var token: Token { tokens[next] }

    private mutating func advance() { if next + 1 < tokens.count { next += 1 } }

    private mutating func take(_ sign: String) -> Bool {
        guard token.kind == .sign(sign) else { return false }
        advance()
        return true
    }

    private mutating func need(_ sign: String) throws(PromQLError) {
        guard take(sign) else { throw unexpected("`\(sign)`") }
    }

    private mutating func takeName(_ names: String...) -> String? {
        guard case .name(let name) = token.kind, names.contains(name) else { return nil }
        advance()
        return name
    }

    private func end() throws(PromQLError) {
        if case .name(let name) = token.kind, ["and", "or", "unless"].contains(name) {
            throw .unknown(name, at: token.place, known: Operator.allCases.map(\.rawValue))
        }
        guard token.kind == .end else { throw unexpected("an operator or the end") }
    }

    private func unexpected(_ expected: String) -> PromQLError {
        .syntax(at: token.place, found: token.description, expected: expected)
    }

    // MARK: Operators

    private mutating func expression(atLeast least: Int) throws(PromQLError) -> Expression {
        try deeper()
        defer { depth -= 1 }
        var left = try operand()
        while case .sign(let sign) = token.kind, let found = Operator(rawValue: sign),
            found.strength >= least
        {
            advance()
            let matching = try matching(of: found)
            // A power binds to the right, all others to the left.
            let right = try expression(
                atLeast: found == .power ? found.strength : found.strength + 1
            )
            left = .binary(found, left, right, matching)
        }
        return left
    }

    private mutating func deeper() throws(PromQLError) {
        depth += 1
        guard depth <= PromQLLimits.depth else {
            throw .limit(
                what: "levels of parentheses and calls",
                limit: PromQLLimits.depth,
                advice: "write it flatter"
            )
        }
    }

    private mutating func matching(of found: Operator) throws(PromQLError) -> Matching {
        var matching = Matching()
        let place = token.place
        if takeName("bool") != nil {
            guard found.isComparison else {
                throw .syntax(
                    at: place,
                    found: "`bool` behind `\(found.rawValue)`",
                    expected: "it behind a comparison"
                )
            }
            matching.isBool = true
        }
        if let name = takeName("on", "ignoring") {
            let labels = try labelNames()
            matching.labels = name == "on" ? .by(labels) : .without(labels)
        }
        if let name = takeName("group_left", "group_right") {
            throw .unknown(name, at: place, known: ["on (…)", "ignoring (…)"])
        }
        return matching
    }

    private mutating func operand() throws(PromQLError) -> Expression {
        if take("-") { return .negative(try expression(atLeast: Operator.power.strength)) }
        if take("+") { return try expression(atLeast: Operator.power.strength) }
        if take("(") {
            let inner = try expression(atLeast: 1)
            try need(")")
            try refuseWindow(behind: "an expression in parentheses")
            return inner
        }
        switch token.kind {
        case .number(let number):
            advance()
            return .number(number)
        case .text:
            throw .type("a text alone is no query: expected a number or a selector")
        case .name, .sign("{"):
            if isSelector { return try plainSelector() }
            return try call()
        case .duration, .sign, .end:
            throw unexpected("a number, a selector, a function or `(`")
        }
    }

    private func refuseWindow(behind what: String) throws(PromQLError) {
        guard token.kind == .sign("[") else { return }
        throw .unknown("[…] behind \(what)", at: token.place, known: ["selector[window]"])
    }

    private mutating func plainSelector() throws(PromQLError) -> Expression {
        let place = token.place
        let (selector, window) = try selector()
        guard window == nil else {
            throw .syntax(
                at: place,
                found: "samples of a window",
                expected: "a function around them, such as avg_over_time"
            )
        }
        return .selector(selector)
    }

    // MARK: Functions

    private mutating func call() throws(PromQLError) -> Expression {
        guard case .name(let name) = token.kind else { throw unexpected("a function") }
        let place = token.place
        advance()
        if let aggregation = Aggregation(rawValue: name) { return try aggregate(aggregation) }
        guard let function = OverTime(rawValue: name) else {
            throw .unknown(
                name,
                at: place,
                known: OverTime.allCases.map(\.rawValue) + Aggregation.allCases.map(\.rawValue)
            )
        }
        try need("(")
        guard isSelector else {
            throw .type("\(name) takes samples of a window, such as `metric[5m]`")
        }
        let (selector, window) = try selector()
        guard let window else {
            throw .type("\(name) takes samples of a window: write `[5m]` behind the selector")
        }
        try need(")")
        return .overTime(function, selector, window: window)
    }

    private mutating func aggregate(_ aggregation: Aggregation) throws(PromQLError) -> Expression {
        var grouping = try grouping()
        try need("(")
        let inner = try expression(atLeast: 1)
        guard inner.isVector else {
            throw .type("\(aggregation.rawValue) takes a vector, and this is a number")
        }
        try need(")")
        if grouping == nil { grouping = try self.grouping() }
        return .aggregate(aggregation, grouping ?? .by([]), inner)
    }

    private mutating func grouping() throws(PromQLError) -> Grouping? {
        guard let name = takeName("by", "without") else { return nil }
        let labels = try labelNames()
        return name == "by" ? .by(labels) : .without(labels)
    }

    private mutating func labelNames() throws(PromQLError) -> [String] {
        try need("(")
        var labels: [String] = []
        while case .name(let label) = token.kind {
            labels.append(label)
            advance()
            guard take(",") else { break }
        }
        try need(")")
        return labels
    }

    // MARK: Selectors

    /// Whether a selector begins here: braces, or a name that is not called.
    private var isSelector: Bool {
        switch token.kind {
        case .sign("{"): return true
        case .name(let name):
            let following = tokens[min(next + 1, tokens.count - 1)].kind
            guard following != .sign("(") else { return false }
            let isGrouped =
                Aggregation(rawValue: name) != nil
                && (following == .name("by") || following == .name("without"))
            return !isGrouped
        default: return false
        }
    }

    private mutating func selector() throws(PromQLError) -> (Selector, window: Duration?) {
        let start = token
        var matchers: [LabelMatcher] = []
        if case .name(let name) = token.kind {
            matchers.append(try LabelMatcher("__name__", .equal, name))
            advance()
        }
        if take("{") {
            while case .name(let label) = token.kind {
                advance()
                matchers.append(try matcher(label))
                guard take(",") else { break }
            }
            try need("}")
        }
        // What fits series without any label would find them all.
        guard matchers.contains(where: { !$0.matches("") }) else {
            throw .syntax(
                at: start.place,
                found: "a selector that everything fits",
                expected: "a metric's name, or a matcher that an empty value does not fit"
            )
        }
        let window = try window()
        return (Selector(matchers: matchers, offset: try offset()), window)
    }

    private mutating func matcher(_ label: String) throws(PromQLError) -> LabelMatcher {
        guard case .sign(let sign) = token.kind,
            let comparison = LabelMatcher.Comparison(rawValue: sign)
        else { throw unexpected("one of =, !=, =~ and !~") }
        advance()
        guard case .text(let text) = token.kind else { throw unexpected("a text in quotes") }
        advance()
        return try LabelMatcher(label, comparison, text)
    }

    private mutating func window() throws(PromQLError) -> Duration? {
        guard take("[") else { return nil }
        let place = token.place
        let window = try duration()
        if token.kind == .sign(":") {
            throw .unknown("[window:step]", at: token.place, known: ["selector[window]"])
        }
        try need("]")
        guard window > .zero else {
            throw .syntax(at: place, found: "an empty window", expected: "a positive one")
        }
        return window
    }

    private mutating func offset() throws(PromQLError) -> Duration {
        if token.kind == .sign("@") {
            throw .unknown("@", at: token.place, known: ["offset"])
        }
        guard takeName("offset") != nil else { return .zero }
        let isNegative = take("-")
        let duration = try duration()
        return isNegative ? .zero - duration : duration
    }

    private mutating func duration() throws(PromQLError) -> Duration {
        guard case .duration(let duration) = token.kind else {
            throw unexpected("a duration, such as 5m")
        }
        advance()
        return duration
    }
}

extension Expression {
    /// Whether its result has labels; else it is one number a step.
    var isVector: Bool {
        switch self {
        case .number: false
        case .selector, .overTime, .aggregate: true
        case .negative(let inner): inner.isVector
        case .binary(_, let left, let right, _): left.isVector || right.isVector
        }
    }
}
