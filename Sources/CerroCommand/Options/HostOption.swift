internal import ArgumentParser

/// The option `--host` of commands that act on this machine: which host of the site file it is.
struct HostOption: ParsableArguments {
    @Option(
        name: .customLong("host"),
        help: ArgumentHelp(
            "Which host of the site file this machine is.",
            discussion: "Else $CERRO_HOST, else the one that is called like it.",
            valueName: "name"
        ),
        completion: SiteCompletion.hosts
    )
    var name: String?

    /// The name that was given; nil where none was.
    func name(environment: [String: String]) -> String? {
        name ?? HostChoice.name(in: environment)
    }
}
