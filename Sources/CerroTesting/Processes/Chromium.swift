internal import Foundation
internal import Synchronization
internal import Telemetry

/// A headless Chromium that is told what to do over two pipes, until it has ended.
///
/// It has a profile of its own, in a temporary folder, and ends when the tests do, however that
/// happens, since its pipe closes then.
///
/// Source: "Chrome DevTools Protocol", <https://chromedevtools.github.io/devtools-protocol>; with
/// `--remote-debugging-pipe`, JSON that a NUL ends on descriptors 3 (to it) and 4 (from it).
public final class Chromium: Sendable {
    /// Why it did not do what it was told.
    public struct Failure: Error, CustomStringConvertible {
        /// What was asked, and what it said.
        public let description: String
    }

    private struct State {
        var last: Int64 = 0
        var waiting: [Int64: CheckedContinuation<Value, any Error>] = [:]
        var events: [Value] = []
        var isGone = false
    }

    /// Events that are kept; a page that complains more is bad enough.
    private static let mostEvents = 10_000

    private let pid: pid_t
    private let commands: Pipe
    private let profile: TemporaryFolder
    private let state = Mutex(State())

    /// Starts the browser.
    public init() throws {
        let profile = try TemporaryFolder()
        self.profile = profile
        // Whoever writes to a browser that is gone gets an error, not a signal.
        signal(SIGPIPE, SIG_IGN)
        let (process, commands, answers) = try ProcessStart.begin {
            let (process, commands, answers) = (Process(), Pipe(), Pipe())
            process.executableURL = URL(filePath: "/usr/bin/env")
            let shell = "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1"
            process.arguments =
                ["--default-signal", "/bin/sh", "-c", shell, "chromium"]
                + Self.arguments(profile.path)
            process.standardInput = commands
            process.standardOutput = answers
            try ProcessStart.run(process)
            return (process, commands, answers)
        }
        (self.commands, pid) = (commands, process.processIdentifier)
        Thread.detachNewThread { [weak self] in
            let reading = answers.fileHandleForReading
            var pending = Data()
            while case let piece = reading.availableData, !piece.isEmpty {
                pending += piece
                while let end = pending.firstIndex(of: 0) {
                    self?.take(String(decoding: pending[..<end], as: UTF8.self))
                    pending = Data(pending[pending.index(after: end)...])
                }
            }
            process.waitUntilExit()
            self?.end()
        }
    }

    private static func arguments(_ profile: String) -> [String] {
        [
            "--headless=new", "--remote-debugging-pipe", "--user-data-dir=\(profile)",
            // Its own sandbox does not start as root, and it opens pages of these tests only.
            "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--hide-scrollbars", "--mute-audio", "about:blank",
        ]
    }

    deinit {
        guard !state.withLock({ $0.isGone }) else { return }
        _ = Foundation.kill(-pid, SIGKILL)
    }

    private func take(_ text: String) {
        guard let message = try? Value(json: text) else { return }
        guard let id = message["id"]?.int else {
            state.withLock { state in
                if state.events.count < Self.mostEvents { state.events.append(message) }
            }
            return
        }
        let waiting = state.withLock { $0.waiting.removeValue(forKey: id) }
        if let error = message["error"] {
            waiting?.resume(throwing: Failure(description: error.json))
        } else {
            waiting?.resume(returning: message["result"] ?? .null)
        }
    }

    private func end() {
        let waiting = state.withLock { state in
            state.isGone = true
            defer { state.waiting = [:] }
            return state.waiting
        }
        for (_, waiting) in waiting {
            waiting.resume(throwing: Failure(description: "the browser has ended"))
        }
    }

    /// Sends a command, to a session of a page if that is given, and waits for its result.
    func send(
        _ method: String,
        _ parameters: Value = [:],
        session: String? = nil
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let id: Int64? = state.withLock { state in
                guard !state.isGone else { return nil }
                state.last += 1
                state.waiting[state.last] = continuation
                return state.last
            }
            guard let id else {
                continuation.resume(throwing: Failure(description: "the browser has ended"))
                return
            }
            var message: [String: Value] = [
                "id": .int(id), "method": .string(method), "params": parameters,
            ]
            if let session { message["sessionId"] = .string(session) }
            let bytes = Data(Value.map(message).json.utf8) + [0]
            // If it fails, the end of the browser answers whoever waits.
            try? commands.fileHandleForWriting.write(contentsOf: bytes)
        }
    }

    /// The events of that kind so far.
    func events(_ method: String) -> [Value] {
        state.withLock { $0.events }.filter { $0["method"]?.string == method }
            .map { $0["params"] ?? .null }
    }

    /// Ends the browser and waits until it and all processes below it are gone.
    public func close() async throws {
        _ = try? await send("Browser.close")
        try await eventually("the end of the browser") {
            state.withLock { $0.isGone } ? true : nil
        }
    }
}
