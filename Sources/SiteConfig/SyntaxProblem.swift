internal import Yams

/// What the YAML library says, in our words: where, what, and what to do about it.
struct SyntaxProblem {
    let line: Int
    let column: Int
    let message: String

    /// Translates an error of the parser about `source`.
    init(_ error: any Error, in source: SourceText) {
        guard let (problem, mark, begun) = Self.parts(of: error) else {
            (line, column, message) = (1, 1, "the file cannot be read as YAML")
            return
        }
        let content = source.line(mark.line)
        let lead = content.prefix { $0 == " " || $0 == "\t" }
        line = max(mark.line, 1)
        if let tab = lead.firstIndex(of: "\t") {
            column = lead.distance(from: lead.startIndex, to: tab) + 1
            message = "a tab indents this line; YAML indents by spaces only. Write spaces"
            return
        }
        column = max(mark.column, 1)
        if problem.hasPrefix("Maximum nesting level") {
            message = SettingParser.tooDeep
            return
        }
        message = "this is not YAML: \(problem)\(begun)" + Self.advice(problem, content)
    }

    private static func parts(of error: any Error) -> (String, Mark, begun: String)? {
        switch error as? YamlError {
        case .scanner(let context, let problem, let mark, _),
            .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let begun = context.map { begin in
                let text = begin.text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
                return text.isEmpty ? "" : " (\(text) at \(begin.mark.line):\(begin.mark.column))"
            }
            return (problem, mark, begun ?? "")
        default: return nil
        }
    }

    private static func advice(_ problem: String, _ line: String) -> String {
        let flow = line.split(separator: "${", omittingEmptySubsequences: false)
        if flow.count > 1, flow.contains(where: { $0.contains { "{[".contains($0) } }) {
            return ". Inside of `{…}` and `[…]` a variable needs quotes: `\"${NAME}\"`"
        }
        if problem.contains("mapping values are not allowed") {
            return ". Either this line is indented further than the one above it allows, or the "
                + "value holds `: ` and needs quotes"
        }
        if problem.contains("expected key") || problem.contains("block end")
            || problem.contains("expected ':'") || problem.contains("expected '-'")
        {
            return ". Look at the indentation of this line and of those above it, and for a "
                + "missing `:`"
        }
        if problem.contains("expected ',' or") {
            return ". A comma or the closing bracket is missing"
        }
        if problem.contains("unexpected end of stream") {
            return ". A quote is opened and never closed"
        }
        if problem.contains("cannot start any token") {
            return ". Put quotes around the value"
        }
        if problem.contains("undefined alias") {
            return ". A text that begins with `*` needs quotes"
        }
        return ""
    }
}
