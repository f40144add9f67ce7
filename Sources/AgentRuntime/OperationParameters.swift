public import Telemetry

/// What a client passes to an operation; checked before the operation starts.
///
/// `init(from:)` reads one parameter a call. The runtime also runs it once without any values to
/// learn names, types, ranges and defaults, so it must read every parameter unconditionally and
/// do nothing else.
public protocol OperationParameters: Sendable {
    /// Reads the parameters, each with its range and default.
    init(from reader: inout ParameterReader) throws(ParameterError)
}

/// The parameters of an operation that takes none.
public struct NoParameters: OperationParameters {
    /// Reads nothing.
    public init(from reader: inout ParameterReader) throws(ParameterError) {}
}

/// Why parameters are refused: the parameter, its value, what is possible.
public enum ParameterError: Error, Hashable, Sendable, CustomStringConvertible {
    case missing(String, expected: String)
    case wrongType(String, found: String, expected: String)
    case outOfRange(String, found: String, expected: String)
    case unknown(String, known: [String])

    /// What was found, what was expected, and what to do.
    public var description: String {
        switch self {
        case .missing(let name, let expected):
            "parameter `\(name)` is missing; give \(expected)"
        case .wrongType(let name, let found, let expected):
            "parameter `\(name)` is \(found); expected \(expected)"
        case .outOfRange(let name, let found, let expected):
            "parameter `\(name)` is \(found); expected \(expected)"
        case .unknown(let name, let known):
            "there is no parameter `\(name)`; "
                + (known.isEmpty
                    ? "the operation takes none" : "there are \(known.joined(separator: ", "))")
        }
    }
}

/// One parameter as `describe` shows it.
public struct ParameterDeclaration: Hashable, Sendable {
    /// The name that a client uses.
    public let name: String
    /// `double`, `int`, `bool` or `string`.
    public let type: FieldType
    /// The numbers that are possible; nil for any.
    public let range: ClosedRange<Double>?
    /// The texts that are possible; nil for any.
    public private(set) var choices: [String]?
    /// What is taken when a client leaves it out; nil where it must not.
    public let fallback: Value?
    /// The unit, and what it means, for people.
    public let unit: Unit?, help: String
    /// Whether nobody is to see the value: not the audit, and no error.
    public var isSecret = false

    /// The same parameter with other choices.
    func choosing(_ choices: [String]) -> ParameterDeclaration {
        var other = self
        other.choices = choices
        return other
    }

    /// A value as an error shows it.
    func shown(_ value: Value) -> String {
        isSecret || Value.soundsSecret(name) ? "a secret that is not shown" : value.text
    }
}

/// Reads the parameters of one start request, or learns what an operation takes.
public struct ParameterReader {
    private let given: [String: Value]?
    private var declarations: [ParameterDeclaration] = []

    /// Reads a finite number within `range`.
    public mutating func double(
        _ name: String,
        in range: ClosedRange<Double>? = nil,
        default fallback: Double? = nil,
        unit: Unit? = nil,
        help: String = ""
    ) throws(ParameterError) -> Double {
        let declaration = ParameterDeclaration(
            name: name,
            type: .double,
            range: range,
            choices: nil,
            fallback: fallback.map { .double($0) },
            unit: unit,
            help: help
        )
        guard let value = try next(declaration) else {
            return fallback ?? range?.lowerBound ?? 0
        }
        guard let number = value.double, number.isFinite else {
            throw .wrongType(
                name,
                found: declaration.shown(value),
                expected: declaration.expectation
            )
        }
        guard range?.contains(number) ?? true else {
            throw .outOfRange(
                name,
                found: declaration.shown(value),
                expected: declaration.expectation
            )
        }
        return number
    }

    /// Reads an integer within `range`.
    public mutating func int(
        _ name: String,
        in range: ClosedRange<Int>? = nil,
        default fallback: Int? = nil,
        unit: Unit? = nil,
        help: String = ""
    ) throws(ParameterError) -> Int {
        let declaration = ParameterDeclaration(
            name: name,
            type: .int,
            range: range.map { Double($0.lowerBound)...Double($0.upperBound) },
            choices: nil,
            fallback: fallback.map { .int(Int64($0)) },
            unit: unit,
            help: help
        )
        guard let value = try next(declaration) else {
            return fallback ?? range?.lowerBound ?? 0
        }
        guard let number = value.int.flatMap(Int.init(exactly:)) else {
            throw .wrongType(
                name,
                found: declaration.shown(value),
                expected: declaration.expectation
            )
        }
        guard range?.contains(number) ?? true else {
            throw .outOfRange(
                name,
                found: declaration.shown(value),
                expected: declaration.expectation
            )
        }
        return number
    }

    /// Reads a truth value.
    public mutating func bool(
        _ name: String,
        default fallback: Bool? = nil,
        help: String = ""
    ) throws(ParameterError) -> Bool {
        let declaration = ParameterDeclaration(
            name: name,
            type: .bool,
            range: nil,
            choices: nil,
            fallback: fallback.map { .bool($0) },
            unit: nil,
            help: help
        )
        guard let value = try next(declaration) else { return fallback ?? false }
        guard let truth = value.bool else {
            throw .wrongType(
                name,
                found: declaration.shown(value),
                expected: declaration.expectation
            )
        }
        return truth
    }

    /// Reads a text of at most 4,096 bytes, one of `choices` where they are given.
    ///
    /// A `secret` one is shown nowhere, as is one whose name sounds like one (`password`).
    public mutating func string(
        _ name: String,
        choices: [String]? = nil,
        default fallback: String? = nil,
        help: String = "",
        secret isSecret: Bool = false
    ) throws(ParameterError) -> String {
        var declaration = ParameterDeclaration(
            name: name,
            type: .string,
            range: nil,
            choices: choices,
            fallback: fallback.map { .string($0) },
            unit: nil,
            help: help
        )
        declaration.isSecret = isSecret
        guard let value = try next(declaration) else { return fallback ?? choices?.first ?? "" }
        guard let text = value.string else {
            throw .wrongType(
                name,
                found: declaration.shown(value),
                expected: declaration.expectation
            )
        }
        guard text.utf8.count <= 4096, choices?.contains(text) ?? true else {
            throw .outOfRange(
                name,
                found: declaration.shown(value),
                expected: declaration.expectation
            )
        }
        return text
    }

    /// The given value; nil where the fallback holds or nothing is given because of learning.
    private mutating func next(
        _ declaration: ParameterDeclaration
    ) throws(ParameterError) -> Value? {
        declarations.append(declaration)
        guard let given else { return nil }
        if let value = given[declaration.name], value != .null { return value }
        guard declaration.fallback != nil else {
            throw .missing(declaration.name, expected: declaration.expectation)
        }
        return nil
    }

    /// Reads the parameters of a start request; keys that nobody read are refused.
    static func read<Parameters: OperationParameters>(
        _ type: Parameters.Type,
        from given: [String: Value]
    ) throws(ParameterError) -> Parameters {
        let known = declarations(of: type).map(\.name)
        if let stray = given.keys.sorted().first(where: { !known.contains($0) }) {
            throw .unknown(stray, known: known)
        }
        var reader = ParameterReader(given: given)
        return try Parameters(from: &reader)
    }

    /// What an operation takes, learnt by running its `init(from:)` without values.
    static func declarations<Parameters: OperationParameters>(
        of type: Parameters.Type
    ) -> [ParameterDeclaration] {
        var reader = ParameterReader(given: nil)
        _ = try? Parameters(from: &reader)
        return reader.declarations
    }

    private init(given: [String: Value]?) {
        self.given = given
    }
}

extension ParameterDeclaration {
    /// What is possible, as a phrase for error messages.
    var expectation: String {
        if let choices { return "one of " + choices.joined(separator: ", ") }
        let name =
            switch type {
            case .double: "a number"
            case .int: "an integer"
            case .bool: "true or false"
            case .string: "a text of at most 4,096 bytes"
            }
        let bounds = range.map { range in
            type == .int
                ? " from \(Int64(range.lowerBound)) to \(Int64(range.upperBound))"
                : " from \(range.lowerBound) to \(range.upperBound)"
        }
        return name + (bounds ?? "") + (unit.map { " (\($0.rawValue))" } ?? "")
    }
}

extension Value {
    /// The value as an error message shows it, at most 100 characters.
    var text: String {
        switch self {
        case .null: "null"
        case .bool(let value): String(value)
        case .int(let value): String(value)
        case .double(let value): String(value)
        case .string(let text): "`" + String(text.prefix(100)) + "`"
        case .bytes(let bytes): "\(bytes.count) bytes"
        case .array(let elements): "a list of \(elements.count)"
        case .map(let members): "a map of \(members.count)"
        }
    }
}
