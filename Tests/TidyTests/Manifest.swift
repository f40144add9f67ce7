/// The targets of Package.swift in their order, and what each says that it depends on.
struct Manifest {
    /// One target as declared.
    struct Target: Hashable {
        /// Its name.
        let name: String
        /// The names in its declaration: targets and products alike.
        let dependencies: Set<String>
        /// Whether it is a test target.
        let isTest: Bool
    }

    /// The targets, from the lowest layer to the highest.
    let targets: [Target]

    private static let openings: [(words: String, isTest: Bool)] = [
        ("library(\"", false), (".target(name: \"", false), (".systemLibrary(name: \"", false),
        (".executableTarget(name: \"", false), ("tests(\"", true), (".testTarget(name: \"", true),
    ]

    /// Reads the declarations of a manifest, which stand one a target, in order.
    init(_ text: String) {
        var targets: [Target] = []
        let text = Self.joined(text)
        var rest = text[...]
        if let list = text.firstRange(of: "],targets: [") { rest = text[list.upperBound...] }
        while let (start, isTest) = Self.nextDeclaration(in: rest) {
            let declaration = Self.balanced(rest[start...])
            let words = Self.literals(in: declaration)
            if let name = words.first {
                targets.append(
                    Target(name: name, dependencies: Set(words.dropFirst()), isTest: isTest)
                )
            }
            rest = rest[declaration.endIndex...]
        }
        self.targets = targets
    }

    /// The manifest without comments and line breaks, so that a declaration reads the same
    /// however it was broken.
    private static func joined(_ text: String) -> String {
        text.split(separator: "\n").map { line in
            let start = line.drop { $0 == " " }
            return start.hasPrefix("//") ? "" : start
        }.joined()
    }

    /// The place of a target in the order, nil if the manifest has none of that name.
    func layer(of name: String) -> Int? {
        targets.firstIndex { $0.name == name }
    }

    private static func nextDeclaration(
        in text: Substring
    ) -> (start: Substring.Index, isTest: Bool)? {
        openings.compactMap { opening in
            text.firstRange(of: opening.words).map { ($0.lowerBound, opening.isTest) }
        }.min { $0.0 < $1.0 }
    }

    /// From the start of `text` to the parenthesis that closes its first one.
    private static func balanced(_ text: Substring) -> Substring {
        var depth = 0
        for index in text.indices {
            if text[index] == "(" { depth += 1 }
            guard text[index] == ")" else { continue }
            depth -= 1
            if depth == 0 { return text[...index] }
        }
        return text
    }

    private static func literals(in text: Substring) -> [String] {
        let parts = text.split(separator: "\"", omittingEmptySubsequences: false)
        return stride(from: 1, to: parts.count, by: 2).map { String(parts[$0]) }
    }
}
