public import AgentRuntime
internal import Archive
internal import Dispatch
internal import Glibc
internal import Reader
internal import SiteConfig
internal import Synchronization
public import Telemetry

/// Writes what the archive has sealed as a tree of `.g3` files, for so3g, hkdb and their like.
///
/// - Process `write`: looks for newly sealed files once a period. It may be stopped and started,
///   or die, at any time: what it has written stands beside the tree, so that no row is left out
///   and none is there twice. A file appears when its hour is sealed, and is whole then.
///
/// It runs on the archive's host, and only reads there.
public final class G3WriterAgent: Agent {
    /// How an instance is set up.
    public struct Configuration: Sendable {
        /// The folder of the archive, and that of the tree.
        public var archive: String, directory: String
        /// The fields: full names, instances, feeds, or patterns with `*`.
        public var fields: [String]
        /// The first part of the addresses in the files.
        public var observatory: String
        /// The time between two looks at the archive.
        public var period: Duration

        /// A configuration; the defaults are those of the site file.
        public init(
            archive: String,
            directory: String,
            fields: [String] = ["*"],
            observatory: String = "observatory",
            period: Duration = .seconds(10)
        ) {
            self.archive = archive
            self.directory = directory
            self.fields = fields
            self.observatory = observatory
            self.period = period
        }
    }

    private let configuration: Configuration
    private let holder: String
    private let follower = Mutex<G3Follower?>(nil)

    /// An agent; `holder` says who it is, for another one that is refused.
    public init(_ configuration: Configuration, holder: String) {
        self.configuration = configuration
        self.holder = holder
    }

    /// The class `G3Writer` of site files.
    public static let agentClass = AgentClass(
        "G3Writer",
        summary: "writes what the archive has sealed as .g3 files for so3g",
        reading: [.archive]
    ) { settings, context in
        let archive = ArchiveSettings.read(from: &settings, default: context.site.archive)
        let configuration = Configuration(
            archive: archive.directory,
            directory: settings.path("directory"),
            fields: settings.strings("fields", default: ["*"]),
            observatory: settings.string("observatory", default: "observatory"),
            period: settings.duration(
                "period",
                default: .seconds(10),
                in: .seconds(1)...(.seconds(3600))
            )
        )
        if archive.g3.contains(configuration.directory) {
            settings.reject(
                "directory",
                "`directory` is a tree that the reader reads as an archive, so that what is "
                    + "written would come back: write that of a folder of its own"
            )
        }
        return G3WriterAgent(
            configuration,
            holder: "\(context.entry.id) on \(context.host.name), pid \(getpid())"
        )
    }

    /// It publishes nothing.
    public var feeds: [Feed] { [] }

    /// The process `write`.
    public var operations: [AgentOperation] {
        [.process("write", help: "writes .g3 files as hours are sealed", write)]
    }

    func write(_ session: OperationSession) async throws {
        let isStopped = StopFlag()
        var rows: Int64 = 0
        // The tree is another one's once the process has stopped.
        defer { follower.withLock { $0 = nil } }
        for await _ in session.ticks(every: configuration.period) {
            do {
                rows += Int64(try await step(isStopped))
                session.set("rows", .int(rows))
                session.markHealthy()
            } catch {
                session.markDegraded(because: error)
            }
        }
    }

    /// One look at the archive, on a thread that may block.
    private func step(_ isStopped: StopFlag) async throws -> Int {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                DispatchQueue.global().async {
                    waiter.resume(with: Result { try self.look(isStopped) })
                }
            }
        } onCancel: {
            isStopped.set()
        }
    }

    private func look(_ isStopped: StopFlag) throws -> Int {
        try follower.withLock { follower in
            if follower == nil {
                let patterns = configuration.fields.map { FieldPattern($0).widened }
                follower = try G3Follower(
                    directory: ArchiveDirectory(configuration.archive),
                    root: configuration.directory,
                    observatory: configuration.observatory,
                    holder: holder
                ) { name in
                    let text = name.description
                    return patterns.contains { $0.matches(text) }
                }
            }
            return try follower?.step(mayGoOn: { !isStopped.isSet }) ?? 0
        }
    }
}

/// Set once, when somebody wants an end.
private final class StopFlag: Sendable {
    private let value = Mutex(false)

    var isSet: Bool { value.withLock { $0 } }

    func set() { value.withLock { $0 = true } }
}
