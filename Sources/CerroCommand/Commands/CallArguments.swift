internal import Telemetry

/// What stands behind the operation in `cerro call`: an action, then parameters.
struct CallArguments: Hashable, Sendable {
    /// What is asked of an operation.
    enum Action: String, CaseIterable, Sendable {
        /// Start it; a task is waited for.
        case start
        /// Stop a process.
        case stop
        /// Cut a task short.
        case abort
        /// Wait for the session that runs.
        case wait
        /// Show the newest session.
        case status
    }

    /// What is asked for; `start` if nothing is said.
    var action = Action.start
    /// The parameters of a start.
    var parameters: [String: Value] = [:]

    /// Reads `[ACTION] [key=value | key:=JSON …]`.
    ///
    /// A value behind `=` is a number, `true` or `false` where it looks like one, else a text;
    /// `:=` takes any JSON, so that `name:='"12"'` is a text of digits.
    init(_ words: [String]) throws(CommandFailure) {
        var rest = words[...]
        if let word = rest.first, !word.contains("=") {
            guard let action = Action(rawValue: word) else {
                let known = Action.allCases.map(\.rawValue).joined(separator: ", ")
                throw CommandFailure(
                    .usage,
                    "`\(word)` is neither an action (\(known)) nor a parameter (`key=value`)"
                )
            }
            self.action = action
            rest = rest.dropFirst()
        }
        guard action == .start || rest.isEmpty else {
            throw CommandFailure(
                .usage,
                "`\(action.rawValue)` takes no parameters; found `\(rest.first ?? "")`"
            )
        }
        for word in rest {
            let (name, value) = try Self.parameter(word)
            guard parameters.updateValue(value, forKey: name) == nil else {
                throw CommandFailure(.usage, "the parameter `\(name)` is given twice")
            }
        }
    }

    private static func parameter(_ word: String) throws(CommandFailure) -> (String, Value) {
        guard let equals = word.firstIndex(of: "="), equals != word.startIndex else {
            throw CommandFailure(
                .usage,
                "`\(word)` is no parameter; write `key=value`, or `key:=JSON`"
            )
        }
        let text = String(word[word.index(after: equals)...])
        var name = word[..<equals]
        guard name.last == ":" else { return (String(name), plain(text)) }
        name = name.dropLast()
        do { return (String(name), try Value(json: text)) } catch {
            throw CommandFailure(.usage, "the value of `\(name)` is \(error): `\(text)`")
        }
    }

    /// A number or truth value if the text is one, else the text.
    private static func plain(_ text: String) -> Value {
        switch try? Value(json: text) {
        case .int(let value): .int(value)
        case .double(let value): .double(value)
        case .bool(let value): .bool(value)
        default: .string(text)
        }
    }
}
