public import Access
public import AgentRuntime
internal import Glibc
public import SiteConfig
internal import Synchronization
public import Telemetry

/// Answers what the archive holds, over HTTP and as queries of the bus.
///
/// The one source of its answers is the files of the archive, so they hold exactly what is
/// committed. A change of these files wakes it, within a twentieth of a second.
///
/// - Process `serve`: follows the archive and what is published, and serves HTTP on loopback; its
///   session's data name the `address` with the real port. An archive that cannot be read degrades
///   it, and so does a port that somebody else has, which is tried again until it is free: queries
///   of the bus are answered all the while.
/// - Queries `get_fields`, `get_data`, `gaps`, `completeness`: as `Query.md` draws them.
public struct ReaderAgent: Agent {
    private let service: QueryService
    private let settings: ReaderSettings
    private let archive: String
    private let site: any LiveSite
    private let table = LiveTable()
    private let time: any TimeSource
    private let labels: SeriesLabels
    private let wake: ReaderWake
    private let access: AccessControl?
    private let begun = Begun()

    /// What the runtime offers, once it does.
    private final class Begun: Sendable {
        let services = Mutex<AgentServices?>(nil)
    }

    /// A reader of the archive in `archive`, a folder that may come into being later.
    ///
    /// - Parameters:
    ///   - archive: the folder of the archive.
    ///   - holder: who reads it, for another reader that is refused: instance, host, process.
    ///   - settings: where HTTP listens; port 0 takes any free one.
    ///   - g3: trees of `.g3` files that answer where the archive has nothing.
    ///   - site: the site as it is now; closed when the reader ends.
    ///   - labels: how fields are called in PromQL.
    ///   - access: who has which token of HTTP; nil for what the runtime says.
    ///   - wake: lets it look at once; changes of the files do that by themselves.
    ///   - time: the clock that relative times refer to.
    public init(
        archive: String,
        holder: String,
        settings: ReaderSettings,
        g3: [String] = [],
        site: any LiveSite,
        labels: SeriesLabels,
        access: AccessControl? = nil,
        wake: ReaderWake = ReaderWake(),
        time: any TimeSource = SystemTimeSource()
    ) {
        service = QueryService(
            directory: archive,
            holder: holder,
            cache: settings.cache,
            g3: g3,
            time: time
        )
        self.settings = settings
        self.archive = archive
        self.site = site
        self.time = time
        self.labels = labels
        self.wake = wake
        self.access = access
    }

    /// The reader publishes nothing of its own.
    public var feeds: [Feed] { [] }

    /// The process `serve`.
    public var operations: [AgentOperation] {
        [.process("serve", help: "follows the archive and serves HTTP", needs: .engineer, serve)]
    }

    /// `get_fields`, `get_data`, `gaps` and `completeness`.
    public var queries: [AgentQuery] {
        [
            query("get_fields") { service, arguments throws(QueryError) in
                let query = try FieldsQuery(arguments, now: service.time.now)
                return try await service.fields(query).value
            },
            AgentQuery(long: "get_data") { [service] arguments in
                try await Self.told { () throws(QueryError) in
                    let query = try DataQuery(QueryArguments(arguments), now: service.time.now)
                    return try await service.data(query).message()
                }
            },
            query("gaps") { service, arguments throws(QueryError) in
                let query = try GapsQuery(arguments, now: service.time.now)
                return try await service.ledger(query).value
            },
            query("completeness") { service, arguments throws(QueryError) in
                let query = try CompletenessQuery(arguments, now: service.time.now)
                return try await service.completeness(query).value
            },
        ]
    }

    /// A query whose errors reach the asker with their code.
    private func query(
        _ action: String,
        _ answer:
            @escaping @Sendable (QueryService, QueryArguments) async throws(QueryError) -> Value
    ) -> AgentQuery {
        let service = service
        return AgentQuery(action) { arguments in
            try await Self.told { () throws(QueryError) in
                try await answer(service, QueryArguments(arguments))
            }
        }
    }

    /// What `body` answers; its errors reach the asker with their code.
    private static func told<Answer>(
        _ body: () async throws(QueryError) -> Answer
    ) async throws -> Answer {
        do throws(QueryError) {
            return try await body()
        } catch {
            throw QueryFailure(error.code, error.description)
        }
    }

    /// Refusals of HTTP go into the reader's own audit.
    public func begin(_ services: AgentServices) async throws {
        begun.services.withLock { $0 = services }
    }

    /// Serves until the session is stopped, or HTTP may not be as the settings say.
    func serve(_ session: OperationSession) async throws {
        let services = begun.services.withLock { $0 }
        let entrance = Entrance(
            settings,
            access: access ?? services?.access ?? .open,
            services: services,
            time: time
        )
        let server = ReaderServer(
            routes: ReaderRoutes(
                service: service,
                live: LiveRoutes(
                    site: site,
                    name: labels.site,
                    table: table,
                    time: time,
                    entrance: entrance
                ),
                labels: labels,
                entrance: entrance
            ),
            settings: settings
        )
        do {
            try await serve(session, server)
        } catch {
            await site.close()
            throw error
        }
        await site.close()
    }

    private func serve(_ session: OperationSession, _ server: ReaderServer) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let health = ReaderHealth(session)
            group.addTask { await follow(session, health) }
            let follower = LiveFollower(site: site, table: table, labels: labels, time: time)
            group.addTask { await follower.run() }
            let watch = FolderWatch(archive) { [wake] in wake.wake() }
            defer { watch?.cancel() }
            let period =
                watch == nil ? ReaderLimits.unwatchedPeriod : ReaderLimits.refreshPeriod
            group.addTask {
                for await _ in session.ticks(every: period) {
                    await watch?.renew()
                    wake.wake()
                }
            }
            group.addTask { try await listen(server, session, health) }
            // Each of them runs until the session is stopped, so whichever ends ends all.
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Serves HTTP, and tries again later where it cannot listen; a fault says so meanwhile.
    private func listen(
        _ server: ReaderServer,
        _ session: OperationSession,
        _ health: ReaderHealth
    ) async throws {
        let fault = "http.closed"
        defer { session.clear(fault) }
        for await _ in session.ticks(every: ReaderLimits.listenPeriod) {
            do {
                return try await server.run { address in
                    session.set("address", .string("\(address)"))
                    session.set("port", .int(Int64(address.port)))
                    let scheme = server.settings.tls == nil ? "http" : "https"
                    session.log("HTTP on \(scheme)://\(address)")
                    session.clear(fault)
                    health.note(nil, of: .http)
                }
            } catch ReaderError.listen(let address, let reason) {
                let reason = SystemReason.found(in: reason)
                let error = ReaderError.listen(address, reason: reason)
                session.raise(fault, .error, "\(error)")
                health.note(error, of: .http)
            }
        }
    }

    /// Looks at the archive whenever somebody wakes the reader.
    private func follow(_ session: OperationSession, _ health: ReaderHealth) async {
        let fault = "archive.damaged"
        defer { session.clear(fault) }
        for await _ in wake.wakes() {
            do throws(QueryError) {
                let damaged = try await service.refresh()
                health.note(nil, of: .archive)
                if damaged == 0 {
                    session.clear(fault)
                } else {
                    session.raise(
                        fault,
                        .warning,
                        (damaged == 1 ? "1 file is" : "\(damaged) files are")
                            + " cut or damaged: `cerro archive verify` says what is lost"
                    )
                }
            } catch {
                health.note(error, of: .archive)
            }
            // Cancelled: the stream of wakes ends by itself.
            try? await session.time.sleep(for: ReaderLimits.refreshPause)
        }
    }
}

extension ReaderAgent {
    /// The class `Reader` of a site file; its entry's `arguments` may override `archive` and
    /// `reader` of the site.
    ///
    /// - Parameters:
    ///   - wake: who announces commits.
    ///   - live: connects to a site, as the instance of that name.
    /// - Returns: the class.
    public static func agentClass(
        wake: ReaderWake = ReaderWake(),
        live: @escaping @Sendable (Site, String) -> any LiveSite
    ) -> AgentClass {
        AgentClass(
            "Reader",
            summary: "answers what the archive holds",
            reading: [.archive, .reader]
        ) { settings, context in
            let archive = ArchiveSettings.read(from: &settings, default: context.site.archive)
            let reader = ReaderSettings.read(from: &settings, default: context.site.reader)
            return ReaderAgent(
                archive: archive.directory,
                holder: "\(context.entry.id) on \(context.host.name), pid \(getpid())",
                settings: reader,
                g3: archive.g3,
                site: live(context.site, context.entry.id),
                labels: SeriesLabels(site: context.site),
                wake: wake,
                time: context.time
            )
        }
    }
}
