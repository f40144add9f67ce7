internal import AgentClient
internal import Foundation
internal import MessageBus
internal import SiteConfig
internal import Telemetry

/// The hosts of a site as a command finds them: by name, by an instance, and through their
/// managers.
enum HostDirectory {
    /// The host of that name.
    static func host(named name: String, of site: Site) throws(CommandFailure) -> SiteConfig.Host {
        try HostChoice.host(named: name, of: site, machine: name)
    }

    /// The host that an instance belongs to.
    static func host(
        of instance: String,
        at site: Site
    ) throws(CommandFailure) -> SiteConfig.Host {
        if let (host, _) = site.instance(instance) { return host }
        if instance == Site.registryID, let host = site.hosts.first(where: site.hasRegistry) {
            return host
        }
        if let host = site.host(managedBy: instance) {
            throw CommandFailure(
                .usage,
                "\(instance) is the manager of host \(host.name) itself, which systemd or a person "
                    + "on that host starts and stops (`cerro host run`), and whose log is there "
                    + "(`journalctl`)"
            )
        }
        let known = [Site.registryID] + site.hosts.flatMap(\.agents).map(\.id)
        let near = Suggestion.nearest(to: instance, among: known)
        throw CommandFailure(
            .failed,
            "\(site.file) has no instance \(instance)"
                + (near.map { "; did you mean `\($0)`?" } ?? "")
                + "; there are \(known.joined(separator: ", "))"
        )
    }

    /// What a host's manager answers to a query.
    ///
    /// - Throws: `CommandFailure` where there is no manager, else as `SiteClient.result`.
    static func ask(
        _ client: SiteClient,
        _ host: SiteConfig.Host,
        _ query: String,
        _ arguments: Value = [:],
        timeout: Duration = SiteClient.patience
    ) async throws -> Value {
        try await reaching(host) {
            try await client.result(host.manager, query, arguments, timeout: timeout)
        }
    }

    /// Does something with a host's manager; says what is missing where there is none.
    static func reaching<Result>(
        _ host: SiteConfig.Host,
        _ body: () async throws -> Result
    ) async throws -> Result {
        do { return try await body() } catch let error as ClientError {
            switch error {
            case .unknownInstance, .notRunning:
                throw CommandFailure(
                    .unreachable,
                    "host \(host.name) has no manager that runs: `cerro host run --host "
                        + "\(host.name)` there starts one, in the place of `cerro up`"
                )
            default: throw error
            }
        }
    }
}
