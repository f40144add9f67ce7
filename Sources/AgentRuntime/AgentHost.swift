public import Access
internal import ArchiveFormat
internal import Log
public import Logging
public import MessageBus
public import ServiceLifecycle
public import Telemetry
internal import ZeroMQ

/// Runs one agent: sockets, lease, heartbeat, sessions, faults, log and shutdown.
///
/// The host is an actor on the bus's reactor: everything that touches sockets or sessions runs
/// there and never blocks. Bodies of operations and answers of queries run elsewhere; the log's
/// files are written by the log's own thread and by bodies that publish, and read by the fetch
/// desk's.
///
/// Life: `run()` opens the sockets, asks for the lease, starts what autostarts, and serves until
/// ``shutdown()``, a graceful shutdown of its service group, or a refused lease; then it stops the
/// operations, says good-bye, ends the epoch and returns.
public actor AgentHost: Service {
    /// Where an agent's sockets go and what it starts with.
    public struct Settings: Sendable {
        /// Who it is.
        public var identity: AgentIdentity
        /// Where requests and publications are bound.
        public var requests: Binding, publisher: Binding
        /// The host that others are told to connect to.
        public var advertisedHost: String
        /// Where the registry answers; nil for the registry itself, which asks itself.
        public var registry: BusEndpoint?
        /// Operations that start with the agent, with their parameters.
        public var start: [(operation: String, parameters: [String: Value])]
        /// Who is told when it is ready, alive and about to end; nil for nobody.
        public var notifier: ServiceNotifier?

        /// Settings.
        public init(
            identity: AgentIdentity,
            requests: Binding,
            publisher: Binding,
            advertisedHost: String,
            registry: BusEndpoint?,
            start: [(operation: String, parameters: [String: Value])] = []
        ) {
            self.identity = identity
            self.requests = requests
            self.publisher = publisher
            self.advertisedHost = advertisedHost
            self.registry = registry
            self.start = start
        }
    }

    /// A request that is answered when a session is done.
    struct Wait {
        let call: Call, session: Session
        let deadline: Duration
    }

    /// Work that a request began and that outlives its handler.
    typealias Job = @Sendable () async -> Void

    let agent: any Agent
    let settings: Settings
    let bus: any Bus
    let access: AccessControl
    let log: AgentLog
    let time: any TimeSource
    /// When it began, on the clock that nobody sets.
    let begun: Duration
    nonisolated let logger: Logger
    let desk: FetchDesk
    let feeds: [String: PublishedFeed]
    let limits: LimitWatch
    let queries: [String: AgentQuery]

    var book: SessionBook
    /// Fetches that are not answered yet.
    var fetchCount = 0
    var faults = FaultBook()
    var audit = AuditBook()
    var control = ControlDesk()
    var bodies: [Int64: Task<Void, Never>] = [:]
    private var bodiesWait: CheckedContinuation<Void, Never>?
    /// Those who wait for the end of a session, by its id.
    var waits: [Int64: [Wait]] = [:]
    var alarm = Alarm()
    /// How far this host's clock is from the registry's.
    var clock = ClockEstimate()
    var server: RequestServer?
    var publisherSocket: (any PublisherSocket)?
    var exit: AgentExit?
    var isClosing = false
    /// Records that a full spool dropped since it was last half empty.
    var droppedRecords: Int64 = 0
    /// Changes of sessions and faults that did not fit the queue, and how many of them are told.
    var droppedChanges = 0, toldDrops = 0
    /// Requests that were refused as their callers may not have them done.
    var refusals: DropCounter

    private let relay: EventRelay
    private let jobs: AsyncStream<Job>
    private let jobSink: AsyncStream<Job>.Continuation
    private let changes: AsyncStream<(Feed, Block)>
    let changeSink: AsyncStream<(Feed, Block)>.Continuation
    private let started: AsyncStream<(requests: Int, publisher: Int)>
    private let startedSink: AsyncStream<(requests: Int, publisher: Int)>.Continuation

    /// The reactor that owns the agent's sockets.
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        bus.reactor.asUnownedSerialExecutor()
    }

    /// Where an agent's log is kept.
    public struct Spool: Sendable {
        /// The folder, of this instance alone.
        public var folder: String
        /// The bytes that it may use.
        public var size: Int
        /// What changes when the machine starts again.
        public var bootID: String

        /// A spool.
        public init(folder: String, size: Int, bootID: String) {
            self.folder = folder
            self.size = size
            self.bootID = bootID
        }
    }

    /// Opens the spool, which begins an epoch, and makes a host for `agent`.
    ///
    /// `access` says who may have what done, and is kept up while the agent runs.
    ///
    /// - Throws: `LogError`, or `ZeroMQError` where the machine gives no thread.
    public init(
        _ agent: any Agent,
        settings: Settings,
        spool: Spool,
        bus: any Bus,
        access: AccessControl = .open,
        time: any TimeSource,
        logger: Logger
    ) throws {
        let relay = EventRelay()
        log = try AgentLog(
            folder: spool.folder,
            instance: settings.identity.instance,
            settings: AgentLog.Settings(size: spool.size),
            disk: SystemDisk(),
            time: time,
            bootID: spool.bootID,
            onEvent: relay.receive
        )
        self.relay = relay
        self.agent = agent
        self.settings = settings
        self.bus = bus
        self.access = access
        self.time = time
        begun = time.monotonic
        self.logger = logger
        desk = try FetchDesk(log: log, time: time)
        let declared = agent.feeds + BuiltInFeed.all
        feeds = Dictionary(
            declared.map { ($0.name, PublishedFeed($0)) },
            uniquingKeysWith: { first, _ in first }
        )
        limits = LimitWatch(agent.feeds)
        refusals = DropCounter(logger: logger, timeSource: time)
        queries = Dictionary(
            agent.queries.map { ($0.action, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        book = SessionBook(agent.operations)
        (jobs, jobSink) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingOldest(RuntimeLimits.pendingRequests)
        )
        (changes, changeSink) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingOldest(RuntimeLimits.pendingChanges)
        )
        (started, startedSink) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        relay.attach(self)
    }

    /// Runs `body` on the reactor, behind what was handed over before.
    nonisolated func onReactor(_ body: @escaping @Sendable (isolated AgentHost) -> Void) {
        bus.reactor.run { self.assumeIsolated { body($0) } }
    }

    /// Runs `body` on the reactor as soon as that is awake, behind what was handed over before.
    nonisolated func whenAwake(_ body: @escaping @Sendable (isolated AgentHost) -> Void) {
        bus.reactor.whenAwake { self.assumeIsolated { body($0) } }
    }

    /// Serves until told to end.
    ///
    /// - Throws: ``AgentExit`` if it cannot begin or another process holds the instance.
    public func run() async throws {
        try await withGracefulShutdownHandler {
            try await serve()
        } onGracefulShutdown: {
            self.shutdown()
        }
    }

    /// Ends the agent in order; `run()` returns when it is done.
    public nonisolated func shutdown() {
        onReactor { $0.beginShutdown() }
    }

    /// The ports that requests and publications are bound to, as soon as they are.
    ///
    /// Nil if the agent ends before; asked once.
    public nonisolated func boundPorts() async -> (requests: Int, publisher: Int)? {
        for await ports in started { return ports }
        return nil
    }

    private func serve() async throws {
        do { try await open() } catch {
            startedSink.finish()
            await log.close()
            await desk.close()
            throw error
        }
        if let requests = server?.endpoint?.port, let publisher = publisherSocket?.endpoint.port {
            startedSink.yield((requests, publisher))
        }
        startedSink.finish()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.recordChanges() }
            // It does nothing but wait for the reactor.
            group.addTask(executorPreference: bus.reactor) { await self.holdLease() }
            group.addTask { await self.followAccess() }
            for await job in jobs { group.addTask { await job() } }
            group.cancelAll()
        }
        await log.close()
        await desk.close()
        server?.close()
        publisherSocket?.close()
        if let exit { throw exit }
    }

    private func open() async throws {
        let name = settings.identity.instance
        for feed in agent.feeds {
            do { try feed.check() } catch {
                throw AgentExit.cannotStart(instance: name, reason: "\(error)")
            }
            guard !BuiltInFeed.all.contains(where: { $0.name == feed.name }) else {
                throw AgentExit.cannotStart(
                    instance: name,
                    reason: "the feed name \(feed.name) belongs to the runtime"
                )
            }
        }
        do {
            for feed in agent.feeds + BuiltInFeed.all { _ = try await log.declare(feed) }
            server = try RequestServer(
                bus: bus,
                binding: settings.requests,
                ledger: RequestLedger(
                    target: name,
                    epoch: log.epoch,
                    withoutEffect: Action.effectFree.union(queries.keys),
                    timeSource: time
                ),
                timeSource: time,
                logger: logger,
                undecoded: Set(queries.values.filter(\.isUndecoded).map(\.action)),
                authorize: { [weak self] call in
                    self?.assumeIsolated { $0.refusal(of: call) }
                },
                onSettled: { [weak self] call, verdict in
                    guard let self else { return }
                    self.assumeIsolated { $0.noteSettled(call, verdict) }
                },
                onRequest: { [weak self] call in
                    guard let self else { return }
                    self.assumeIsolated { $0.answer(call) }
                }
            )
            let publisher = try bus.bindPublisher(settings.publisher)
            publisher.onRefusal = { [weak server] reason, detail in
                server?.refused(reason, detail)
            }
            publisherSocket = publisher
            relay.attach(publisher.audience)
        } catch {
            throw AgentExit.cannotStart(instance: name, reason: "\(error)")
        }
        try await agent.begin(services)
    }

    private var services: AgentServices {
        AgentServices(
            instance: settings.identity.instance,
            site: settings.identity.site,
            bus: bus,
            registry: registryEndpoint,
            access: access,
            time: time,
            logger: logger,
            announce: { [weak self] topic, value in
                self?.onReactor { $0.announce(topic, value) }
            },
            raise: { [weak self] fault in self?.onReactor { $0.raise(fault) } },
            clear: { [weak self] id, subject in
                self?.onReactor { $0.clear(id, subject: subject) }
            },
            audit: { [weak self] entry in self?.onReactor { $0.noteRefusal(entry) } },
            clock: { [weak self] in await self?.clock.best }
        )
    }

    /// Hands work to the host's task group; false if too much waits already.
    func spawn(_ job: @escaping Job) -> Bool {
        guard case .enqueued = jobSink.yield(job) else { return false }
        return true
    }

    /// Records changes of sessions and faults, and the audit's ends and refusals, in the order in
    /// which they happened.
    private func recordChanges() async {
        for await (feed, block) in changes {
            noteDroppedChanges()
            do {
                try await log.append(feed, [block])
                // The host has dated it itself, maybe long before the disk took it.
                let then = block.timestamps.last ?? time.now
                _ = feeds[feed.name]?.note([block], from: then, at: time.now)
            } catch {
                logger.error(
                    "a change of a session or fault is not in the log",
                    metadata: ["feed": "\(feed.name)", "reason": "\(error)"]
                )
            }
        }
    }

    /// Stops accepting, ends the operations, and lets `serve()` return.
    func beginShutdown() {
        guard !isClosing else { return }
        isClosing = true
        settings.notifier?.tell("STOPPING=1")
        let enqueued = spawn { await self.endOperations() }
        if !enqueued { jobSink.finish() }
    }

    private func endOperations() async {
        for session in book.active {
            if let change = book.endForShutdown(session.operation) { note(change) }
            bodies[session.id]?.cancel()
        }
        await waitForBodies()
        for session in book.active {
            logger.warning(
                "an operation did not stop in time",
                metadata: ["operation": "\(session.operation)", "session": "\(session.id)"]
            )
        }
        answerWaits { _ in true }
        closeAudit()
        alarm.clear()
        await leave()
        changeSink.finish()
        jobSink.finish()
    }

    /// Suspends until no body runs, ``RuntimeLimits/shutdownPatience`` at most: a body that does
    /// not heed its cancellation must not keep the process.
    private func waitForBodies() async {
        guard !bodies.isEmpty else { return }
        let deadline = time.monotonic + RuntimeLimits.shutdownPatience
        // Cancelled as soon as the wait is over.
        let timer = Task {
            try? await time.sleep(untilMonotonic: deadline)
            bodiesEnded()
        }
        await withCheckedContinuation { bodiesWait = $0 }
        timer.cancel()
    }

    /// Ends the wait for bodies, if there is one.
    func bodiesEnded() {
        bodiesWait?.resume()
        bodiesWait = nil
    }
}
