internal import MessageBus
internal import Synchronization
internal import Telemetry

/// A message that an instance published, as it came.
public struct LiveMessage: Sendable {
    /// `<instance>/<feed>/`.
    public let topic: String
    /// A record of the agent's log, or a value that it announces.
    public let payload: [UInt8]

    /// A message.
    public init(topic: String, payload: [UInt8]) {
        self.topic = topic
        self.payload = payload
    }
}

/// Connections to the publishers of a site, which follow the registry's table.
///
/// What is live is for eyes: it may be missed, and is not repaired.
struct LiveSubscriptions {
    /// Messages that wait for a listener; the oldest goes where it is too slow.
    static let pending = 4096

    private let bus: any Bus
    private var connections: [BusEndpoint: any Subscription] = [:]
    private var topics: [String] = []
    private var sink: AsyncStream<LiveMessage>.Continuation?
    private var hearing = Hearing()

    /// Whether somebody still reads the stream.
    private final class Hearing: Sendable {
        let isOver = Atomic(false)
    }

    init(bus: any Bus) {
        self.bus = bus
    }

    /// What begins with one of `topics`, from all instances that the table shows; one stream at a
    /// time, a further one ends the one before.
    mutating func listen(to topics: [String]) -> AsyncStream<LiveMessage> {
        close()
        self.topics = topics
        let (stream, sink) = AsyncStream.makeStream(
            of: LiveMessage.self,
            bufferingPolicy: .bufferingNewest(Self.pending)
        )
        let hearing = Hearing()
        sink.onTermination = { _ in hearing.isOver.store(true, ordering: .relaxed) }
        self.sink = sink
        self.hearing = hearing
        return stream
    }

    /// Connects to publishers that are new in the table and leaves those that are gone; leaves all
    /// once nobody reads the stream any more.
    mutating func follow(_ table: [InstanceRow]) {
        if hearing.isOver.load(ordering: .relaxed) { close() }
        guard let sink else { return }
        let wanted = Set(
            table.filter { $0.state == .alive }.compactMap(\.publisherEndpoint)
        )
        for (endpoint, connection) in connections where !wanted.contains(endpoint) {
            connection.close()
            connections[endpoint] = nil
        }
        for endpoint in wanted where connections[endpoint] == nil {
            connections[endpoint] = try? bus.subscribe(to: endpoint, topics: topics) {
                topic,
                payload in
                sink.yield(LiveMessage(topic: topic, payload: Array(payload)))
            }
        }
    }

    mutating func close() {
        for connection in connections.values { connection.close() }
        connections = [:]
        sink?.finish()
        sink = nil
    }
}

extension SiteClient {
    /// Listens to what begins with one of `topics`; ``instances(timeout:)``, called now and then,
    /// finds instances that come later.
    public func listen(to topics: [String]) -> AsyncStream<LiveMessage> {
        live.listen(to: topics)
    }
}
