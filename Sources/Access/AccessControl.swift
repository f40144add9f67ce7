internal import SiteConfig
internal import Synchronization
public import Telemetry

/// The table that holds now, kept up with `access.yaml` while a process runs.
///
/// A file that cannot be read, or is wrong, changes nothing: the last good table holds, and
/// ``watch(_:report:)`` says why.
public final class AccessControl: Sendable {
    /// What became of a changed file.
    public enum Change: Sendable {
        /// The table that holds from now on.
        case changed(AccessTable)
        /// The file is not to be used; the last good table holds.
        case broken(AccessError)
    }

    private struct State {
        var table: AccessTable
        var watch: FileWatch?
    }

    private let folder: KeyFolder?
    private let state: Mutex<State>

    /// The control of a site without keys.
    public static let open = AccessControl()

    private init() {
        folder = nil
        state = Mutex(State(table: .open, watch: nil))
    }

    /// Reads `access.yaml` of a folder of keys.
    ///
    /// - Throws: ``AccessError``.
    public init(_ folder: KeyFolder) throws(AccessError) {
        self.folder = folder
        // Begun before it is read: a change in between is read again.
        let watch = FileWatch(folder.accessFile)
        state = Mutex(State(table: try folder.table(), watch: watch))
    }

    /// A table that is held as it is, for tests.
    public init(_ table: AccessTable) {
        folder = nil
        state = Mutex(State(table: table, watch: nil))
    }

    /// The table that holds now.
    public var table: AccessTable { state.withLock(\.table) }

    /// Puts another table in place of the one that is held; for tests.
    public func replace(_ table: AccessTable) { state.withLock { $0.table = table } }

    /// Reads the file again if it is another than at the last look; nil where it is not.
    public func look() -> Change? {
        guard let folder else { return nil }
        guard state.withLock({ $0.watch?.look() }) == true else { return nil }
        do throws(AccessError) {
            let table = try folder.table()
            state.withLock { $0.table = table }
            return .changed(table)
        } catch {
            return .broken(error)
        }
    }

    /// Looks at the file twice a second, and reports what changed, until cancelled.
    public func watch(
        _ time: any TimeSource,
        report: @Sendable (Change) async -> Void
    ) async {
        guard folder != nil else { return }
        while true {
            do { try await time.sleep(for: SiteConfig.Limits.watchPeriod) } catch { return }
            if let change = look() { await report(change) }
        }
    }
}
