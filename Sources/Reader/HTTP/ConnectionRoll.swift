internal import Logging
internal import MessageBus
internal import NIOCore
internal import Synchronization
internal import Telemetry

/// The connections of HTTP that are open, so that those on which nothing happens make room.
///
/// There is a most of them, beyond which nobody is let in. Who holds many without asking anything,
/// or sends a question byte by byte, must not shut out the others: of the connections on which no
/// question is being answered, the one that was used longest ago ends when room is needed.
final class ConnectionRoll: Sendable {
    private struct Entry {
        let channel: any Channel
        let state: ConnectionState
        var used: NIODeadline
    }

    private struct State {
        var entries: [ObjectIdentifier: Entry] = [:]
        var drops: DropCounter
    }

    private let state: Mutex<State>
    private let most: Int

    /// A roll on which `most` connections stand before one has to end for the next.
    init(most: Int = ReaderLimits.restingConnections, logger: Logger, time: any TimeSource) {
        self.most = most
        state = Mutex(State(drops: DropCounter(logger: logger, timeSource: time)))
    }

    /// What was refused, by reason.
    var drops: [String: Int] { state.withLock { $0.drops.totals } }

    /// A connection begins; another one may end for it.
    func add(_ channel: any Channel, _ connection: ConnectionState) {
        let oldest = state.withLock { state -> Entry? in
            state.entries[ObjectIdentifier(connection)] = Entry(
                channel: channel,
                state: connection,
                used: .now()
            )
            guard state.entries.count > most else { return nil }
            let resting = state.entries.values.filter { !$0.state.isBusy }
            guard let oldest = resting.min(by: { $0.used < $1.used }) else { return nil }
            state.entries[ObjectIdentifier(oldest.state)] = nil
            state.drops.count("resting connection ended", detail: Self.address(oldest.channel))
            return oldest
        }
        oldest?.channel.close(promise: nil)
    }

    /// Something was asked or answered on it.
    func use(_ connection: ConnectionState) {
        state.withLock { $0.entries[ObjectIdentifier(connection)]?.used = .now() }
    }

    /// It is over.
    func remove(_ connection: ConnectionState) {
        state.withLock { _ = $0.entries.removeValue(forKey: ObjectIdentifier(connection)) }
    }

    /// What came on it is no HTTP.
    func refuse(_ channel: any Channel, because error: any Error) {
        let detail = "from \(Self.address(channel)): \(error)"
        state.withLock { $0.drops.count("malformed request", detail: detail) }
    }

    private static func address(_ channel: any Channel) -> String {
        channel.remoteAddress.map { "\($0.ipAddress ?? "?"):\($0.port ?? 0)" } ?? "?"
    }
}
