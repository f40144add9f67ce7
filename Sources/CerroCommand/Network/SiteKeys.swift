internal import Access
internal import AgentClient
internal import Foundation
internal import Logging
internal import MessageBus
internal import SiteConfig
internal import Telemetry
internal import ZeroMQ

/// The keys of a site as one program of it uses them.
struct SiteKeys {
    /// What protects the program's sockets.
    let bus: BusKeys
    /// Who may do what.
    let access: AccessControl
    /// The registry's key, pinned.
    let registry: PublicKey

    /// The keys of an instance that serves; nil where the site has none.
    static func instance(
        _ name: String,
        of site: Site,
        time: any TimeSource,
        logger: Logger
    ) throws(CommandFailure) -> SiteKeys? {
        guard let path = site.keys else { return nil }
        return try reading {
            let folder = KeyFolder(path)
            let own = try folder.pair(of: name)
            let access = try AccessControl(folder)
            guard access.table.member(key: own.publicKey.description)?.name == name else {
                throw CommandFailure(
                    .usage,
                    "\(folder.accessFile) has another key for \(name) than "
                        + "\(folder.secretFile(of: name)), or has revoked it: copy the two from "
                        + "where `cerro keys init` made them"
                )
            }
            return SiteKeys(
                bus: BusKeys(own: own, logger: logger, time: time) { key in
                    access.table.member(key: key.description) != nil
                },
                access: access,
                registry: name == "registry" ? own.publicKey : try folder.registryKey()
            )
        }
    }

    /// Why an instance could not serve with its keys here; nil where it could.
    static func problem(of instance: String, _ site: Site) -> String? {
        problem {
            _ = try Self.instance(instance, of: site, time: SystemTimeSource(), logger: .silent)
        }
    }

    /// Why whoever runs this program has no key; nil where there is one.
    static func problem(ofPerson site: Site, _ environment: [String: String]) -> String? {
        guard let path = site.keys else { return nil }
        return problem {
            let folder = KeyFolder(path)
            _ = try PersonalKey.pair(in: folder, environment)
            _ = try folder.registryKey()
        }
    }

    private static func problem(_ body: () throws -> Void) -> String? {
        do { try body() } catch { return "\(error)" }
        return nil
    }

    /// Whether only its owner, who is somebody else, can look at the key of an instance.
    static func isClosed(_ instance: String, in folder: String) -> Bool {
        Foundation.access(KeyFolder(folder).secretFile(of: instance), R_OK) != 0 && errno == EACCES
    }

    /// Wrong keys are a matter of configuration.
    static func reading<Result>(_ body: () throws -> Result) throws(CommandFailure) -> Result {
        do { return try body() } catch let failure as CommandFailure { throw failure } catch {
            throw CommandFailure(.usage, "\(error)")
        }
    }
}

extension Logger {
    /// Of a program that only asks: what it logs is in its errors as well.
    static var silent: Logger { Logger(label: "cerro") { _ in SwiftLogNoOpLogHandler() } }
}
