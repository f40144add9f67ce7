public import MessageBus
internal import Synchronization
public import ZeroMQ

/// A bus on which requests, replies and published messages are lost, come twice, late or out of
/// order, as drawn from a seed; connections stay.
///
/// It stands before another bus, whose order it keeps while ``weather`` is ``Weather/fine``.
public final class FaultyBus: Bus {
    /// What befalls messages.
    public struct Weather: Hashable, Sendable {
        /// Of a hundred messages, how many are lost, come twice, come late.
        public var lost: Int, doubled: Int, late: Int
        /// The most that a message comes late by; those behind it may come before it.
        public var delay: Duration

        /// Weather.
        public init(lost: Int, doubled: Int, late: Int, delay: Duration) {
            self.lost = lost
            self.doubled = doubled
            self.late = late
            self.delay = delay
        }

        /// Every message comes once, in order.
        public static let fine = Weather(lost: 0, doubled: 0, late: 0, delay: .zero)
    }

    /// How many messages were lost, came twice, came late.
    public struct Count: Hashable, Sendable {
        /// How many were lost, came twice, came late.
        public var lost = 0, doubled = 0, late = 0
    }

    /// The thread of the bus behind it.
    public var reactor: Reactor { base.reactor }

    /// What befalls messages from now on.
    public var weather: Weather {
        get { state.withLock(\.weather) }
        set { state.withLock { $0.weather = newValue } }
    }

    /// What has befallen them.
    public var count: Count { state.withLock(\.count) }

    private struct State {
        var random: SeededGenerator
        var weather = Weather.fine
        var count = Count()
    }

    private let base: any Bus
    private let state: Mutex<State>

    /// A bus of fine weather before `base`; its faults follow from `seed` and from who sends when.
    public init(_ base: any Bus, seed: UInt64) {
        self.base = base
        state = Mutex(State(random: SeededGenerator(seed: seed)))
    }

    /// Listens for requests; what befalls them befalls them at the connections.
    public func bindRequests(
        _ binding: Binding,
        onRequest: @escaping (Peer, UnsafeRawBufferPointer) -> Void
    ) throws(BusError) -> any RequestSocket {
        try base.bindRequests(binding, onRequest: onRequest)
    }

    /// Listens for subscribers; what befalls messages befalls them at the subscriptions.
    public func bindPublisher(_ binding: Binding) throws(BusError) -> any PublisherSocket {
        try base.bindPublisher(binding)
    }

    /// Connects; both requests and replies have the weather.
    public func connect(
        to endpoint: BusEndpoint,
        onReply: @escaping (UnsafeRawBufferPointer) -> Void,
        onState: @escaping (ConnectionState) -> Void
    ) throws(BusError) -> any RequestConnection {
        let connection = try base.connect(
            to: endpoint,
            onReply: { bytes in
                let copy = Array(bytes)
                self.carry { copy.withUnsafeBytes(onReply) }
            },
            onState: onState
        )
        return FaultyConnection(connection, self)
    }

    /// Subscribes; what is published has the weather.
    public func subscribe(
        to endpoint: BusEndpoint,
        topics: [String],
        onMessage: @escaping (String, UnsafeRawBufferPointer) -> Void,
        onState: @escaping (ConnectionState) -> Void
    ) throws(BusError) -> any Subscription {
        try base.subscribe(
            to: endpoint,
            topics: topics,
            onMessage: { topic, bytes in
                let copy = Array(bytes)
                self.carry { copy.withUnsafeBytes { onMessage(topic, $0) } }
            },
            onState: onState
        )
    }

    /// Calls `deliver` once, twice, later or never; a message that is not late goes at once.
    fileprivate func carry(_ deliver: @escaping () -> Void) {
        let delays = state.withLock { state -> [Duration] in
            let weather = state.weather
            guard weather != .fine else { return [.zero] }
            guard state.random.below(100) >= weather.lost else {
                state.count.lost += 1
                return []
            }
            let isDoubled = state.random.below(100) < weather.doubled
            if isDoubled { state.count.doubled += 1 }
            return (0..<(isDoubled ? 2 : 1)).map { _ in
                guard state.random.below(100) < weather.late else { return .zero }
                state.count.late += 1
                return weather.delay / 1000 * state.random.below(1000)
            }
        }
        for delay in delays {
            if delay == .zero { deliver() } else { reactor.run(after: delay) { deliver() } }
        }
    }
}

private final class FaultyConnection: RequestConnection {
    private let base: any RequestConnection
    private let bus: FaultyBus

    init(_ base: any RequestConnection, _ bus: FaultyBus) {
        self.base = base
        self.bus = bus
    }

    var endpoint: BusEndpoint { base.endpoint }
    var state: ConnectionState { base.state }

    func send(_ bytes: [UInt8]) -> Bool {
        guard base.state.isConnected else { return false }
        guard bus.weather != .fine else { return base.send(bytes) }
        // One that is refused later is as good as lost.
        bus.carry { _ = self.base.send(bytes) }
        return true
    }

    func close() { base.close() }
}
