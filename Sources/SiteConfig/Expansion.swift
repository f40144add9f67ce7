/// `${NAME}` and `${NAME:-default}` in the scalars of a site file; `$$` is a dollar sign.
enum Expansion {
    /// The expanded text and whether a variable was in it, or what is wrong.
    enum Outcome {
        case text(String, usedVariable: Bool)
        case wrong(String)
    }

    /// Expands the variables of `text`; what they hold is not expanded again.
    static func expand(_ text: String, _ environment: [String: String]) -> Outcome {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return .text(text, usedVariable: false) }
        var result = ""
        var usedVariable = false
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                result += "$"
                rest = rest.dropFirst()
            } else if rest.first == "{", let end = rest.firstIndex(of: "}") {
                switch value(rest[..<end].dropFirst(), environment) {
                case .text(let text, _): result += text
                case .wrong(let message): return .wrong(message)
                }
                usedVariable = true
                rest = rest[rest.index(after: end)...]
            } else {
                return .wrong(
                    "a `$` begins no variable here. Write `${NAME}` or `${NAME:-default}` for a "
                        + "variable of the environment, `$$` for a dollar sign"
                )
            }
            guard result.utf8.count <= Limits.expandedBytes else {
                return .wrong("the variables hold more than \(Limits.expandedBytes) bytes")
            }
        }
        return .text(result + rest, usedVariable: usedVariable)
    }

    /// The value of `NAME` or `NAME:-default`; the default also stands for an empty variable.
    private static func value(_ inside: Substring, _ environment: [String: String]) -> Outcome {
        let name = inside.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        let tail = inside.dropFirst(name.count)
        guard !name.isEmpty, tail.isEmpty || tail.hasPrefix(":-"), !tail.contains("$") else {
            return .wrong(
                "`${\(inside.prefix(Limits.quotedCharacters))}` is no variable: write `${NAME}` "
                    + "or `${NAME:-default}`, the name of ASCII letters, digits and `_`"
            )
        }
        let found = environment[String(name)]
        if let found, !found.isEmpty || tail.isEmpty { return .text(found, usedVariable: true) }
        if !tail.isEmpty { return .text(String(tail.dropFirst(2)), usedVariable: true) }
        return .wrong(
            "the environment has no variable \(name). Set it, or write `${\(name):-default}`"
                + Suggestion.question(String(name), among: environment.keys.sorted())
        )
    }
}
