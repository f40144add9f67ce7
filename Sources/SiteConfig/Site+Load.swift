internal import Foundation

/// Why there is no site.
public enum SiteError: Error, CustomStringConvertible {
    /// The file could not be read at all.
    case unreadable(file: String, reason: String)
    /// Everything that is wrong in the file, in its order; never empty.
    case invalid([SiteProblem])

    /// What is wrong, in the order of the file; one at 1:1 for a file that cannot be read.
    public var problems: [SiteProblem] {
        switch self {
        case .unreadable(let file, let reason):
            [SiteProblem(Place(file: file, line: 1, column: 1), reason)]
        case .invalid(let problems): problems
        }
    }

    /// One line a problem: `file:line:column: error: …`.
    public var description: String {
        let told = problems.prefix(Limits.problems).map(\.description)
        let more = problems.count - told.count
        return (told + (more > 0 ? ["… and \(more) problems more"] : [])).joined(separator: "\n")
    }
}

extension Site {
    /// Reads and checks the text of a site file; it touches neither disk nor environment.
    ///
    /// `check` sees the site also when something else is wrong with it, with harmless values in
    /// the wrong places, so that one run shows all problems: it is where higher targets check
    /// the classes and their arguments.
    ///
    /// - Parameters:
    ///   - text: the YAML text.
    ///   - file: the file's name for messages, as the user gave it.
    ///   - folder: the absolute path where relative paths of the file start.
    ///   - environment: the variables that `${NAME}` may name.
    ///   - check: more to check; its problems join the others.
    /// - Returns: the site, with every default filled in.
    /// - Throws: ``SiteError/invalid(_:)`` with all problems, in the order of the file.
    public static func load(
        text: String,
        file: String,
        folder: String,
        environment: [String: String],
        check: (Site) -> [SiteProblem] = { _ in [] }
    ) throws(SiteError) -> Site {
        var parser = SettingParser(file: file, environment: environment)
        guard let root = parser.parse(text) else { throw .invalid(parser.problems.inFileOrder) }
        var loader = SiteLoader(file: file, folder: folder)
        let site = loader.site(root)
        let problems = (parser.problems + loader.problems + check(site)).inFileOrder
        guard problems.isEmpty else { throw .invalid(problems) }
        return site
    }

    /// Reads and checks the site file at `path`; relative paths in it start at its folder.
    ///
    /// With `copy` the text comes from there, as if it still stood at `path`.
    ///
    /// - Throws: ``SiteError/unreadable(file:reason:)`` if there is no such file, or one that is
    ///   too large or not UTF-8; otherwise as `load(text:file:folder:environment:check:)`.
    public static func load(
        path: String,
        copy: String? = nil,
        environment: [String: String],
        check: (Site) -> [SiteProblem] = { _ in [] }
    ) throws(SiteError) -> Site {
        try load(
            text: text(ofFile: copy ?? path),
            path: path,
            environment: environment,
            check: check
        )
    }

    /// Reads and checks a text that stood in the site file at `path`.
    ///
    /// - Throws: as `load(text:file:folder:environment:check:)`.
    public static func load(
        text: String,
        path: String,
        environment: [String: String],
        check: (Site) -> [SiteProblem] = { _ in [] }
    ) throws(SiteError) -> Site {
        let here = FileManager.default.currentDirectoryPath
        let parts = SettingsReader.absolute(path, from: here).split(separator: "/")
        return try load(
            text: text,
            file: path,
            folder: "/" + parts.dropLast().joined(separator: "/"),
            environment: environment,
            check: check
        )
    }

    /// The text of the file at `path`, which may have at most ``Limits/fileBytes`` bytes.
    ///
    /// - Throws: ``SiteError/unreadable(file:reason:)``.
    public static func text(ofFile path: String) throws(SiteError) -> String {
        let bytes: Data
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            bytes = try handle.read(upToCount: Limits.fileBytes + 1) ?? Data()
        } catch {
            throw .unreadable(
                file: path,
                reason: "the file cannot be read: is it there, and may you read it?"
            )
        }
        guard bytes.count <= Limits.fileBytes else {
            throw .unreadable(
                file: path,
                reason: "the file has more than \(Quantity.text(byteCount: Limits.fileBytes)), "
                    + "which no site file needs"
            )
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .unreadable(file: path, reason: "the file is not UTF-8. Save it as UTF-8")
        }
        return text
    }

    /// The problems of entries whose class is none of `classes`, with the nearest known one.
    ///
    /// Those that somebody else runs may be of any class: an agent in Python, for example.
    public func check(classes: [String]) -> [SiteProblem] {
        hosts.flatMap(\.agents).compactMap { entry in
            guard entry.manage != .ignore, !entry.className.isEmpty,
                !classes.contains(entry.className)
            else { return nil }
            let word = Suggestion.question(entry.className, among: classes)
            return SiteProblem(
                entry.classPlace,
                "there is no agent class \(Setting.quote(entry.className))"
                    + (word.isEmpty ? "; there are \(classes.joined(separator: ", "))" : word)
            )
        }
    }
}
