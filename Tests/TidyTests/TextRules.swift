/// What neither code nor prose may contain, and which pages and words have to be there.
enum TextRules {
    // Put together here, so that this file does not find itself.
    static let reminders = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]
    static let machinePaths = ["home", "root", "Users", "work"].map { "/\($0)/" }

    /// Pages that the rules of the repository ask for, by the target that they explain.
    static let pages = [
        ("ArchiveFormat", "FileFormat.md"), ("MessageBus", "Wire.md"),
        ("cerro", "Architecture.md"), ("cerro", "Operating.md"),
    ]

    /// The reminders left in comments, and a module that holds a type of its own name.
    static func check(_ file: SourceFile) -> [Finding] {
        reminders.flatMap { word in
            file.places(of: word, in: file.comments).map { offset in
                Finding(
                    file: file.path,
                    line: file.line(at: offset),
                    message: "`\(word)` is a plan without a date: do it now, or open an issue"
                )
            }
        } + namesakes(in: file)
            + machinePaths(in: file.path, String(decoding: file.text, as: UTF8.self))
    }

    /// Paths that exist on the machine of whoever wrote the file only.
    static func machinePaths(in path: String, _ text: String) -> [Finding] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return machinePaths.flatMap { word in
            lines.enumerated().compactMap { number, line in
                guard let place = line.firstRange(of: word), startsPath(place, in: line) else {
                    return nil
                }
                return Finding(
                    file: path,
                    line: number + 1,
                    message: "`\(word)` is a folder of one machine, and the next one has none: "
                        + "take the path from the site file, the environment or #filePath"
                )
            }
        }
    }

    /// A file of wrong settings has to say which words the error must contain.
    static func checkBadFile(_ path: String, _ text: String) -> [Finding] {
        let words = "# expect:"
        let isSaid = text.split(separator: "\n").contains {
            $0.hasPrefix(words) && $0.dropFirst(words.count).contains { $0 != " " }
        }
        guard path.hasSuffix(".bad.yaml"), !isSaid else { return [] }
        return [
            Finding(
                file: path,
                line: 1,
                message: "the file does not say which words its error must give, so any error "
                    + "passes: begin it with `\(words) …`"
            )
        ]
    }

    /// The pages that are missing among `paths`, for targets that have sources.
    static func checkPages(_ paths: [String]) -> [Finding] {
        pages.compactMap { target, page in
            let folder = "Sources/\(target)/"
            let hasSources = paths.contains { $0.hasPrefix(folder) && $0.hasSuffix(".swift") }
            let hasPage = paths.contains {
                $0.hasPrefix(folder) && $0.contains(".docc/") && $0.hasSuffix("/\(page)")
            }
            guard hasSources, !hasPage else { return nil }
            return Finding(
                file: folder,
                line: 1,
                message: "there is no \(page) in a .docc folder of \(target), and nobody can use "
                    + "from its code alone what it draws or explains: write it there"
            )
        }
    }

    private static func startsPath(_ place: Range<Substring.Index>, in line: Substring) -> Bool {
        guard place.lowerBound > line.startIndex else { return true }
        let before = line[line.index(before: place.lowerBound)]
        return !before.isLetter && !before.isNumber && !"_-./})".contains(before)
    }

    private static func namesakes(in file: SourceFile) -> [Finding] {
        guard file.isProduct, let target = file.target else { return [] }
        let kinds = ["struct", "class", "enum", "actor", "protocol", "typealias"]
        return file.places(of: target, in: file.code).compactMap { offset in
            guard kinds.contains(file.lastWord(before: offset)) else { return nil }
            return Finding(
                file: file.path,
                line: file.line(at: offset),
                message: "the module \(target) holds a type of its own name, so that Swift cannot "
                    + "tell `\(target).X` of the one from the other: name the type otherwise"
            )
        }
    }
}
