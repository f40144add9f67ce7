internal import Foundation

/// The environment of Python beside the build, with so3g, numpy and pyarrow.
public enum Python {
    /// Why a script gave no answer.
    public struct Failure: Error, CustomStringConvertible {
        /// What to do, or what the script wrote.
        public let description: String
    }

    /// Runs a script of this repository and returns what it writes to standard output.
    ///
    /// - Parameters:
    ///   - script: the path of the script within the repository.
    ///   - arguments: its arguments.
    /// - Returns: what it wrote.
    /// - Throws: ``Failure`` without the environment, or where the script fails.
    public static func run(_ script: String, _ arguments: [String]) throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let python = root.appending(path: ".build/python/bin/python")
        guard FileManager.default.isExecutableFile(atPath: python.path) else {
            throw Failure(description: "there is no \(python.path): run deploy/install-python")
        }
        let errors = TemporaryFile()
        let (process, output) = try ProcessStart.begin {
            let (process, output) = (Process(), Pipe())
            process.executableURL = python
            process.arguments = [root.appending(path: script).path] + arguments
            process.standardOutput = output
            process.standardError = try errors.handle()
            try process.run()
            return (process, output)
        }
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(description: "\(script) failed: \(errors.text)")
        }
        return String(decoding: data, as: UTF8.self)
    }
}

/// A file for what a program writes beside its answer: a pipe that nobody empties would stop it.
private final class TemporaryFile {
    private let place = FileManager.default.temporaryDirectory
        .appending(path: "cerro-test-\(UUID().uuidString).log")

    func handle() throws -> FileHandle {
        try Data().write(to: place)
        return try FileHandle(forWritingTo: place)
    }

    var text: String {
        String(decoding: (try? Data(contentsOf: place)) ?? Data(), as: UTF8.self)
    }

    deinit { try? FileManager.default.removeItem(at: place) }
}
