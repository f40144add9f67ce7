internal import Yams

/// Turns the text of a YAML file into a tree of settings and keeps everything that is wrong.
///
/// Scalars stay texts: what is a number or a truth value is decided by who reads it, so `no` is
/// not false and `1:30` no number. Keys are texts and unique; tags and merge keys are refused.
struct SettingParser {
    /// What a file is told whose nesting has no end.
    static let tooDeep = "maps and lists are nested deeper than \(Limits.depth)"

    /// The tags of what is given none.
    ///
    /// They are compared by name: a `Tag` that is made here compiles the patterns of all types of
    /// YAML first, which takes longer than to read a site file.
    private static let ownTags = [Tag.Name.str, .map, .seq].map(\.rawValue)

    private let file: String
    private let environment: [String: String]?
    private var nodeCount = 0
    /// What was wrong, in the order of finding.
    private(set) var problems: [SiteProblem] = []

    /// A parser of `file`; variables are left as they are where `environment` is nil.
    init(file: String, environment: [String: String]?) {
        self.file = file
        self.environment = environment
    }

    /// Returns the root of the file, nil where the text is no YAML or too large.
    mutating func parse(_ text: String) -> Setting? {
        var source = SourceText(text)
        if let refusal = source.refusal {
            add(refusal.line, refusal.column, refusal.message)
            return nil
        }
        for _ in 0..<Limits.duplicateKeys {
            do {
                let parser = try Parser(yaml: source.text, resolver: .basic, encoding: .utf8)
                guard let root = try parser.singleRoot() else {
                    add(1, 1, "the file is empty; a site begins with `site: NAME`")
                    return nil
                }
                let result = setting(root, depth: 1)
                return nodeCount <= Limits.nodes ? result : nil
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                guard setAside(keys.first ?? "", at: context.mark, in: &source) else { return nil }
            } catch {
                add(SyntaxProblem(error, in: source))
                return nil
            }
        }
        return nil
    }

    /// Reports the second of two equal keys and renames it, so that the rest can be read too.
    private mutating func setAside(
        _ key: String,
        at mark: Mark,
        in source: inout SourceText
    ) -> Bool {
        let again = source.renameRepetition(of: key, line: mark.line, column: mark.column)
        add(
            again?.line ?? mark.line,
            again?.column ?? mark.column,
            "the key \(Setting.quote(key)) is written twice in one map; the first is at "
                + "\(mark.line):\(mark.column). Keep one of them"
        )
        return again != nil
    }

    private mutating func setting(_ node: Node, depth: Int) -> Setting {
        let place = place(node.mark)
        nodeCount += 1
        guard nodeCount <= Limits.nodes else {
            // What follows is not read; the first one too many is told.
            if nodeCount == Limits.nodes + 1 {
                let message = "the file has more than \(Limits.nodes) values, aliases counted"
                problems.append(SiteProblem(place, message))
            }
            return Setting(.null, at: place)
        }
        guard depth <= Limits.depth else {
            problems.append(SiteProblem(place, Self.tooDeep))
            return Setting(.null, at: place)
        }
        if !Self.ownTags.contains(node.tag.description) {
            problems.append(
                SiteProblem(
                    place,
                    "the tag \(Setting.quote(node.tag.description)) has no meaning here. Leave it "
                        + "out"
                )
            )
        }
        switch node {
        case .scalar(let scalar): return self.scalar(scalar, at: place)
        case .sequence(let elements):
            return Setting(.list(elements.map { setting($0, depth: depth + 1) }), at: place)
        case .mapping(let entries): return map(entries, at: place, depth: depth)
        case .alias: return Setting(.null, at: place)
        }
    }

    private mutating func map(_ entries: Node.Mapping, at place: Place, depth: Int) -> Setting {
        var result: [(key: String, place: Place, value: Setting)] = []
        for (key, value) in entries {
            let keyPlace = self.place(key.mark)
            guard case .scalar(let name) = key else {
                problems.append(SiteProblem(keyPlace, "a key has to be a text"))
                continue
            }
            if name.string == "<<", name.style == .plain {
                problems.append(
                    SiteProblem(
                        keyPlace,
                        "merge keys are not read here. Write the keys out, or use an alias "
                            + "for a whole value"
                    )
                )
                continue
            }
            let child = setting(value, depth: depth + 1)
            if !SourceText.isRenamed(name.string) { result.append((name.string, keyPlace, child)) }
        }
        return Setting(.map(result), at: place)
    }

    private mutating func scalar(_ scalar: Node.Scalar, at place: Place) -> Setting {
        var text = scalar.string
        var quoted = scalar.style != .plain
        var written: String?
        if let environment {
            switch Expansion.expand(text, environment) {
            case .text(let expanded, let usedVariable):
                if usedVariable { (written, quoted) = (text, false) }
                text = expanded
            case .wrong(let message):
                problems.append(SiteProblem(place, message))
            }
        }
        let isNull = !quoted && ["", "~", "null", "Null", "NULL"].contains(text)
        var setting = Setting(isNull ? .null : .scalar(text, quoted: quoted), at: place)
        setting.written = written
        return setting
    }

    private func place(_ mark: Mark?) -> Place {
        Place(file: file, line: max(mark?.line ?? 1, 1), column: max(mark?.column ?? 1, 1))
    }

    private mutating func add(_ line: Int, _ column: Int, _ message: String) {
        problems.append(SiteProblem(Place(file: file, line: line, column: column), message))
    }

    private mutating func add(_ problem: SyntaxProblem) {
        add(problem.line, problem.column, problem.message)
    }
}
