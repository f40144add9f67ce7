import Foundation
import Synchronization

@testable import CerroCommand

/// What a command wrote.
final class Transcript: Sendable {
    private let kept = Mutex((answers: "", notes: ""))

    /// Everything that went to standard output.
    var answers: String { kept.withLock { $0.answers } }
    /// Everything that went to standard error.
    var notes: String { kept.withLock { $0.notes } }

    func append(_ text: String, isAnswer: Bool) {
        kept.withLock { kept in
            if isAnswer { kept.answers += text } else { kept.notes += text }
        }
    }
}

extension Console {
    /// A console that keeps what it gets.
    static func kept(in transcript: Transcript, usesColour: Bool = false) -> Console {
        Console(usesColour: usesColour, showsProgress: false) { descriptor, text in
            transcript.append(text, isAnswer: descriptor == STDOUT_FILENO)
        }
    }
}
