internal import ArgumentParser
internal import Foundation
internal import SiteConfig

/// `cerro config import`: a site file of OCS, turned into ours once.
struct ConfigImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Prints the site file that stands for one of OCS.",
        discussion: """
            The result goes to standard output, what could not be mapped to standard error. Read \
            both, then run `cerro config check`.
            """
    )

    @Argument(help: "The site file of OCS.", completion: .file())
    var file: String

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Write to this file, which must not exist.", valueName: "file")
    )
    var output: String?

    func run() throws {
        let console = Console.current
        let (yaml, notes) = try Self.convert(file)
        if let output {
            try Self.write(yaml, to: output)
        } else {
            console.answer(yaml)
        }
        for note in notes { console.note(note) }
    }

    /// The new file's text, and what a person has to look at.
    static func convert(_ file: String) throws(CommandFailure) -> (yaml: String, notes: [String]) {
        do {
            return try OCSImport.convert(text: try Site.text(ofFile: file), file: file)
        } catch {
            throw CommandFailure(.usage, "the file cannot be turned\n\(error)")
        }
    }

    /// Writes a file that is not there yet: an import never replaces what somebody has edited.
    static func write(_ yaml: String, to path: String) throws(CommandFailure) {
        do {
            try Data((yaml + "\n").utf8).write(
                to: URL(filePath: path),
                options: .withoutOverwriting
            )
        } catch {
            throw CommandFailure(
                .failed,
                "\(path) cannot be written: \(HumanText.reason(error)). Name a file that does "
                    + "not exist, in a folder that you may write to"
            )
        }
    }
}
