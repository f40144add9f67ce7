internal import AgentClient
internal import Foundation
internal import MessageBus
internal import SiteConfig
internal import Telemetry
internal import ZeroMQ

/// The way from a command to the running site.
enum SiteConnection {
    /// Connects to the site's registry, runs `body`, and closes all sockets.
    ///
    /// - Throws: ``CommandFailure`` for whatever goes wrong on the way.
    static func with<Result: Sendable>(
        _ site: Site,
        _ body: (SiteClient) async throws -> Result
    ) async throws -> Result {
        let (client, bus) = try open(site)
        let outcome: Swift.Result<Result, any Error>
        do {
            outcome = .success(try await body(client))
        } catch {
            outcome = .failure(failure(error, site))
        }
        await client.close()
        await bus.reactor.shutdown()
        return try outcome.get()
    }

    /// A client of the site, and the bus whose sockets it uses; it connects with its first request.
    ///
    /// It speaks as `instance`, or as the person who runs the program.
    static func open(
        _ site: Site,
        as instance: String? = nil
    ) throws(CommandFailure) -> (client: SiteClient, bus: any Bus) {
        do throws(ClientConnectionError) {
            let environment = ProcessInfo.processInfo.environment
            let connection = try ClientConnection(to: site, as: instance, environment: environment)
            return (connection.client, connection.bus)
        } catch {
            if case .sockets = error { throw CommandFailure(.failed, "\(error)") }
            // Wrong keys and addresses are a matter of configuration.
            throw CommandFailure(.usage, "\(error)")
        }
    }

    /// What an error means to whoever called the command.
    static func failure(_ error: any Error, _ site: Site) -> any Error {
        guard let error = error as? ClientError else { return error }
        switch error {
        case .unreachable(let what, _) where what.contains("registry"):
            let address = site.registry.address
            guard !Addresses.behind(address).isEmpty else {
                return CommandFailure(
                    .unreachable,
                    "the registry's address `\(address)` is not known here: write the number into "
                        + "\(site.file), or the name into DNS or /etc/hosts"
                )
            }
            return CommandFailure(
                .unreachable,
                "\(error). Is the site up? `cerro host run`, or `cerro up`, on "
                    + "the registry's host starts it"
            )
        case .unreachable:
            return CommandFailure(
                .unreachable,
                "\(error). `cerro doctor` here looks at the way to it"
            )
        case .notRunning: return CommandFailure(.unreachable, "\(error)")
        case .unknownInstance: return CommandFailure(.failed, "\(error)")
        case .timedOut: return CommandFailure(.timedOut, "\(error)")
        case .refused(let code, _, _):
            let status = ExitStatus(rawValue: code.exitCode) ?? .failed
            return CommandFailure(status, "\(error) (\(code.rawValue))", code: code)
        case .malformed: return CommandFailure(.failed, "\(error)")
        }
    }
}
