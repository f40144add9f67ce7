internal import Foundation

/// Disks of a few MiB in memory that only programs in one mount namespace see.
///
/// They are gone when the last of these programs is. Needs to be root.
public final class SmallDisks: Sendable {
    /// A folder for a site, below which the disks are.
    public let folder: TemporaryFolder
    private let holder: RunningProgram

    /// The bytes of one disk: room for a few segments and sealed files.
    private static let byteCount = 24 << 20

    /// Mounts a disk at each of the folders, which are relative to ``folder``.
    public init(_ paths: [String]) async throws {
        folder = try TemporaryFolder()
        var script = "set -e\n"
        for path in paths {
            script += "mkdir -p '\(folder.path)/\(path)'\n"
            script +=
                "mount -t tmpfs -o size=\(Self.byteCount) cerro-test '\(folder.path)/\(path)'\n"
        }
        holder = try RunningProgram(words: [
            "unshare", "--mount", "sh", "-c", script + "echo mounted\nexec cat",
        ])
        try await eventually("the disks are mounted; said:\n\(holder.output)") {
            holder.output.contains("mounted") ? true : nil
        }
    }

    deinit { holder.killGroup(SIGKILL) }

    /// Words that run a program where the disks are.
    public var entering: [String] { ["nsenter", "--mount=/proc/\(holder.pid)/ns/mnt", "--"] }

    /// Takes all room that is left on a disk.
    public func fill(_ path: String) throws {
        let ballast = open(outside(path), O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard ballast >= 0 else { throw failure("open") }
        defer { close(ballast) }
        // Down to single bytes, since others write while this does.
        var piece = [UInt8](repeating: 0x5A, count: 1 << 20)
        while !piece.isEmpty {
            if write(ballast, piece, piece.count) < 0 {
                guard errno == ENOSPC else { throw failure("write") }
                piece.removeLast(piece.count - piece.count / 2)
            }
        }
    }

    /// Gives back the room that ``fill(_:)`` took.
    public func makeRoom(on path: String) throws {
        guard unlink(outside(path)) == 0 else { throw failure("unlink") }
    }

    /// The ballast as it is called where the disks are not.
    private func outside(_ path: String) -> String {
        "/proc/\(holder.pid)/root\(folder.path)/\(path)/ballast"
    }

    private func failure(_ call: String) -> NeverHappened {
        NeverHappened(description: "\(call) of ballast: \(String(cString: strerror(errno)))")
    }
}
