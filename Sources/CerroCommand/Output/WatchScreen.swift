internal import AgentClient
internal import Foundation
internal import Synchronization
internal import Telemetry

/// A terminal that shows a ``WatchBoard`` and draws it anew once a second.
final class WatchScreen: Sendable {
    private let board: Mutex<WatchBoard>
    private let filter: LiveFilter
    private let console: Console

    /// The screen of a board, for the fields that fit `filter`.
    init(_ board: WatchBoard, filter: LiveFilter, console: Console) {
        self.board = Mutex(board)
        self.filter = filter
        self.console = console
    }

    /// Shows what is published until cancelled; what stood on the terminal is there again then.
    func run(_ client: SiteClient) async throws {
        console.beginScreen()
        defer { console.endScreen() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                var watch = LiveWatch(filter: filter)
                try await watch.run(client) { [self] instance, feed, blocks in
                    board.withLock { $0.note(instance, feed, blocks) }
                }
            }
            group.addTask { [self] in
                let time = SystemTimeSource()
                while !Task.isCancelled {
                    draw(now: time.now)
                    do { try await time.sleep(for: Limits.boardPeriod) } catch { return }
                }
            }
            // Whichever ends first: the site is gone, or nobody watches any more.
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func draw(now: Timestamp) {
        var size = winsize()
        let isKnown = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        let (width, height) = isKnown ? (Int(size.ws_col), Int(size.ws_row)) : (80, 24)
        let lines = board.withLock { $0.lines(now: now, width: width, height: height) }
        console.draw(lines.map { $0.isOld ? console.coloured($0.text, .yellow) : $0.text })
    }
}
