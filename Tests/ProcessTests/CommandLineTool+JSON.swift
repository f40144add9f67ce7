import Foundation
import Synchronization
import Telemetry

@testable import CerroCommand

extension CommandLineTool {
    /// How a command about the site of a file ended: its code, and its answer as JSON.
    static func json(_ arguments: [String], _ site: String) async throws -> (Int32, Value) {
        let answers = Output()
        let code = await CommandLineTool.run(
            arguments + ["--json", "--site", site],
            console: Console(usesColour: false, showsProgress: false) { descriptor, text in
                if descriptor == STDOUT_FILENO { answers.append(text) }
            }
        )
        let text = answers.text.trimmingCharacters(in: .newlines)
        return (code, text.isEmpty ? .null : try Value(json: text))
    }
}

/// What a command wrote to standard output.
private final class Output: Sendable {
    private let kept = Mutex("")

    var text: String { kept.withLock { $0 } }

    func append(_ more: String) { kept.withLock { $0 += more } }
}
