/// One thing that is untidy: where, what was found, why that matters and what to do.
struct Finding: Hashable, Comparable, CustomStringConvertible {
    /// The path from the root of the repository.
    let file: String
    /// The line, from 1.
    let line: Int
    /// What was found, why it matters, and what to do.
    let message: String

    var description: String { "\(file):\(line): \(message)" }

    static func < (left: Finding, right: Finding) -> Bool {
        (left.file, left.line, left.message) < (right.file, right.line, right.message)
    }
}
