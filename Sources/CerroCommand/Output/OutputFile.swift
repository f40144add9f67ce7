internal import Foundation

/// Bytes for a file that takes its name when it is whole, or for standard output.
///
/// Until then they stand beside it under a name of their own, which ``discard()`` deletes: whoever
/// finds the file finds all of it.
struct OutputFile: Sendable {
    private let descriptor: Int32
    private let path: String
    /// Where the bytes are until then; nil on standard output.
    private let partial: String?

    /// Opens the file at `path`, or standard output for `-`.
    init(_ path: String) throws(CommandFailure) {
        self.path = path
        guard path != "-" else {
            descriptor = STDOUT_FILENO
            partial = nil
            // A pipe that nobody reads any more is an error of a write, not the end.
            signal(SIGPIPE, SIG_IGN)
            return
        }
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue
        {
            throw CommandFailure(.usage, "\(path) is a folder: name a file in it")
        }
        let url = URL(fileURLWithPath: path)
        let process = ProcessInfo.processInfo.processIdentifier
        let beside = url.deletingLastPathComponent()
            .appendingPathComponent(".\(url.lastPathComponent).\(process).partial").path
        descriptor = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        partial = beside
        guard descriptor >= 0 else {
            throw CommandFailure(.failed, "\(path) cannot be written: \(Self.reason)")
        }
    }

    /// Writes bytes behind those before.
    func write(_ bytes: [UInt8]) throws(CommandFailure) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { raw in
                Foundation.write(
                    descriptor,
                    raw.baseAddress.map { $0 + written },
                    raw.count - written
                )
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure(errno, path) }
            written += count
        }
    }

    /// What a write that failed means; that nobody reads any more, as behind `head`, needs no word.
    static func failure(_ code: Int32, _ path: String) -> CommandFailure {
        if path == "-", code == EPIPE { return CommandFailure(.unread, "") }
        let what = path == "-" ? "standard output" : path
        let reason = String(cString: strerror(code))
        return CommandFailure(.failed, "\(what) cannot be written: \(reason)")
    }

    /// Gives the file its name, once its bytes are on the disk.
    func finish() throws(CommandFailure) {
        guard let partial else { return }
        guard fsync(descriptor) == 0, close(descriptor) == 0, rename(partial, path) == 0 else {
            let reason = Self.reason
            unlink(partial)
            throw CommandFailure(.failed, "\(path) cannot be written: \(reason)")
        }
    }

    /// Deletes what was written; what stood under the name before is as it was.
    func discard() {
        guard let partial else { return }
        close(descriptor)
        unlink(partial)
    }

    private static var reason: String { String(cString: strerror(errno)) }
}
