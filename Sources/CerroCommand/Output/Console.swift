internal import Foundation
internal import Synchronization

/// Where a command writes: answers to standard output, everything else to standard error.
struct Console: Sendable {
    /// Whether standard output is a terminal, so that colours make sense.
    let usesColour: Bool
    /// Whether standard error is a terminal, so that a line may be written over.
    let showsProgress: Bool
    private let write: @Sendable (Int32, String) throws(CommandFailure) -> Void
    private let fate = Fate()

    /// The console of the command that runs.
    @TaskLocal static var current = Console.system(environment: [:])

    /// A console that hands each text to `write`, with the descriptor that it is meant for.
    init(
        usesColour: Bool,
        showsProgress: Bool,
        write: @escaping @Sendable (Int32, String) throws(CommandFailure) -> Void
    ) {
        self.usesColour = usesColour
        self.showsProgress = showsProgress
        self.write = write
    }

    /// The console of this process.
    ///
    /// Colours need a terminal, no variable `NO_COLOR` and a `TERM` other than `dumb`.
    static func system(environment: [String: String]) -> Console {
        let isPlain = !(environment["NO_COLOR"] ?? "").isEmpty || environment["TERM"] == "dumb"
        return Console(
            usesColour: isatty(STDOUT_FILENO) == 1 && !isPlain,
            showsProgress: isatty(STDERR_FILENO) == 1 && !isPlain,
            write: writeAll
        )
    }

    /// Why some of the answer was lost; nil where all was written, or nobody wanted it any more.
    var lossOfAnswer: CommandFailure? { fate.loss.withLock { $0 } }

    /// Whether anything of an answer was written.
    var hasAnswered: Bool { fate.hasBegun.withLock { $0 } }

    /// Writes a line of the answer.
    func answer(_ line: String) { out(line + "\n") }

    private func out(_ text: String) {
        fate.hasBegun.withLock { $0 = true }
        do throws(CommandFailure) { try write(STDOUT_FILENO, text) } catch {
            fate.loss.withLock { $0 = $0 ?? error }
        }
    }

    /// Where standard error cannot be written there is nobody left to tell.
    private func err(_ text: String) { try? write(STDERR_FILENO, text) }

    /// Writes a line for people that is not the answer.
    func note(_ line: String) { err(line + "\n") }

    /// Shows how far long work has come, on a terminal only; the next call writes over it.
    func progress(_ line: String) {
        if showsProgress { err("\r" + line + "\u{1B}[K") }
    }

    /// Takes the line of ``progress(_:)`` away.
    func endProgress() {
        if showsProgress { err("\r\u{1B}[K") }
    }

    /// Gives the whole terminal to ``draw(_:)``, until ``endScreen()`` gives it back as it was.
    func beginScreen() { out("\u{1B}[?1049h\u{1B}[?25l\u{1B}[2J") }

    /// See ``beginScreen()``.
    func endScreen() { out("\u{1B}[?25h\u{1B}[?1049l") }

    /// Draws lines over those that stand on the screen; in one write, so that nothing flickers.
    func draw(_ lines: [String]) {
        let text = lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n")
        out("\u{1B}[H" + text + "\u{1B}[J")
    }

    /// The text in a colour, or as it is where colours make no sense.
    func coloured(_ text: String, _ colour: Colour) -> String {
        usesColour && !text.isEmpty ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// The few colours that mean something.
    enum Colour: Int {
        /// Something is wrong.
        case red = 31
        /// All is well.
        case green = 32
        /// Somebody should look.
        case yellow = 33
        /// Less important than what stands beside it.
        case faint = 2
    }

    /// What became of the answer.
    private final class Fate: Sendable {
        let hasBegun = Mutex(false)
        let loss = Mutex<CommandFailure?>(nil)
    }

    private static func writeAll(_ descriptor: Int32, _ text: String) throws(CommandFailure) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                // Nobody reads any more, as behind `head`.
                if errno == EPIPE { return }
                throw CommandFailure(
                    .failed,
                    "the answer is not whole, standard output cannot be written: "
                        + String(cString: strerror(errno))
                )
            }
            rest = rest.dropFirst(count)
        }
    }
}
