internal import SiteConfig

/// Which host of the site file this machine is.
enum HostChoice {
    /// The name that `$CERRO_HOST` gives; nil where it gives none.
    static func name(in environment: [String: String]) -> String? {
        environment["CERRO_HOST"].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The host named, else the one named like this machine, else the only one, else `localhost`.
    static func host(
        named name: String?,
        of site: Site,
        machine: String
    ) throws(CommandFailure) -> Host {
        if let name {
            if let host = site.hosts.first(where: { $0.name == name }) { return host }
            throw CommandFailure(
                .usage,
                "\(site.file) has no host \(name); \(known(site)). Say which one it is with "
                    + "--host or $CERRO_HOST"
            )
        }
        let short = machine.prefix { $0 != "." }
        if let host = site.hosts.first(where: { $0.name == machine || $0.name == short })
            ?? (site.hosts.count == 1 ? site.hosts.first : nil)
            ?? site.hosts.first(where: { $0.name == "localhost" })
        {
            return host
        }
        throw CommandFailure(
            .usage,
            "this machine is called \(machine), and \(site.file) has no host of that name; "
                + "\(known(site)). Say which one it is with --host or $CERRO_HOST"
        )
    }

    private static func known(_ site: Site) -> String {
        site.hosts.isEmpty
            ? "it lists none" : "its hosts are " + site.hosts.map(\.name).joined(separator: ", ")
    }
}
