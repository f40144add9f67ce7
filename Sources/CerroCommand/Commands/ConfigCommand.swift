internal import ArgumentParser
internal import Foundation
internal import SiteConfig
internal import Telemetry

/// `cerro config`: what is about the site file itself.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Checks a site file, has it followed, or makes one from that of OCS.",
        subcommands: [
            ConfigCheckCommand.self, HostReloadCommand.self, ConfigImportCommand.self,
        ]
    )
}

/// `cerro config check`: everything that is wrong in one run.
struct ConfigCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Shows everything that is wrong with a site file; exits with 2 then."
    )

    @Argument(help: "The site file; else the one that all commands take.", completion: .file())
    var file: String?

    @OptionGroup var site: SiteOption
    @OptionGroup var format: FormatOption

    func validate() throws {
        if file != nil, site.file != nil {
            throw ValidationError("the site file is named twice; drop --site")
        }
    }

    func run() throws {
        let environment = ProcessInfo.processInfo.environment
        let path = try file ?? site.path(environment: environment)
        let console = Console.current
        let (site, problems) = Self.check(path: path, environment: environment)
        if format.isJSON {
            console.answer(Self.report(path, site, problems).json)
        } else if let site {
            let count = site.hosts.reduce(0) { $0 + $1.agents.count }
            let instances = HumanText.many(count, "instance", "instances")
            console.answer("\(path) is fine: site \(site.name), \(instances)")
        } else {
            for problem in problems { console.note(problem.description) }
        }
        guard problems.isEmpty else {
            throw CommandFailure(.usage, "\(path) has \(HumanText.problems(problems.count))")
        }
    }

    /// The site, or all that is wrong with it: the file, the classes and their arguments.
    static func check(
        path: String,
        environment: [String: String]
    ) -> (site: Site?, problems: [SiteProblem]) {
        do {
            let site = try Site.load(
                path: path,
                environment: environment,
                check: AgentClasses.check
            )
            return (site, [])
        } catch { return (nil, error.problems) }
    }

    private static func report(_ path: String, _ site: Site?, _ problems: [SiteProblem]) -> Value {
        [
            "file": .string(path), "fine": .bool(problems.isEmpty),
            "site": .optional(site?.name),
            "problems": .array(
                problems.map { problem in
                    [
                        "file": .string(problem.place.file),
                        "line": .int(Int64(problem.place.line)),
                        "column": .int(Int64(problem.place.column)),
                        "message": .string(problem.message),
                    ]
                }
            ),
        ]
    }
}
