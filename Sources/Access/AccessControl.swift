internal import Glibc
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

    /// What tells that a file is another than before.
    private struct Stamp: Equatable {
        let device: UInt, inode: UInt, size: Int
        let seconds: Int, nanoseconds: Int, changeSeconds: Int, changeNanoseconds: Int
    }

    private struct State {
        var table: AccessTable
        var stamp: Stamp?
    }

    private let folder: KeyFolder?
    private let state: Mutex<State>

    /// The control of a site without keys.
    public static let open = AccessControl()

    private init() {
        folder = nil
        state = Mutex(State(table: .open, stamp: nil))
    }

    /// Reads `access.yaml` of a folder of keys.
    ///
    /// - Throws: ``AccessError``.
    public init(_ folder: KeyFolder) throws(AccessError) {
        self.folder = folder
        // Stamped before it is read: a change in between is read again.
        let stamp = Self.stamp(folder.accessFile)
        state = Mutex(State(table: try folder.table(), stamp: stamp))
    }

    /// A table that is held as it is, for tests.
    public init(_ table: AccessTable) {
        folder = nil
        state = Mutex(State(table: table, stamp: nil))
    }

    /// The table that holds now.
    public var table: AccessTable { state.withLock(\.table) }

    /// Puts another table in place of the one that is held; for tests.
    public func replace(_ table: AccessTable) { state.withLock { $0.table = table } }

    /// Reads the file again if it is another than at the last look; nil where it is not.
    public func look() -> Change? {
        guard let folder else { return nil }
        let stamp = Self.stamp(folder.accessFile)
        guard state.withLock({ $0.stamp != stamp }) else { return nil }
        do throws(AccessError) {
            let table = try folder.table()
            state.withLock { $0 = State(table: table, stamp: stamp) }
            return .changed(table)
        } catch {
            state.withLock { $0.stamp = stamp }
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
            do { try await time.sleep(for: AccessLimits.watchPeriod) } catch { return }
            if let change = look() { await report(change) }
        }
    }

    private static func stamp(_ path: String) -> Stamp? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Stamp(
            device: UInt(status.st_dev),
            inode: UInt(status.st_ino),
            size: Int(status.st_size),
            seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec,
            changeSeconds: status.st_ctim.tv_sec,
            changeNanoseconds: status.st_ctim.tv_nsec
        )
    }
}
