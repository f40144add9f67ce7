import CerroTesting
import MessagePack
import Telemetry

/// Messages on their way: encoded, and lost, doubled, late or out of order as drawn.
struct SimulatedNetwork {
    struct Message {
        let from: Target, to: Target
        let bytes: [UInt8]
        fileprivate let due: Duration
        fileprivate let number: Int
    }

    private let site: Schedule.Site
    private var messages: [Message] = []
    private var count = 0
    /// Whether all faults are over.
    var isHealed = false

    init(_ site: Schedule.Site) {
        self.site = site
    }

    var isEmpty: Bool { messages.isEmpty }

    /// Sends a message, which arrives once, later, twice or never.
    mutating func send(
        _ value: Value,
        from: Target,
        to: Target,
        at now: Duration,
        _ random: inout SeededGenerator
    ) {
        var writer = MessagePackWriter()
        writer.write(value)
        let bytes = writer.withBytes { Array($0) }
        guard !isHealed else { return post(bytes, from, to, now) }
        guard random.below(100) >= site.lost else { return }
        for _ in 0..<(random.below(100) < site.doubled ? 2 : 1) {
            let delay =
                random.below(100) < site.late ? random.below(9000) : random.below(40)
            post(bytes, from, to, now + .milliseconds(delay))
        }
    }

    private mutating func post(_ bytes: [UInt8], _ from: Target, _ to: Target, _ due: Duration) {
        count += 1
        messages.append(Message(from: from, to: to, bytes: bytes, due: due, number: count))
    }

    /// Takes out what has arrived by now for those that can receive, in order of arrival.
    mutating func arrived(at now: Duration, _ canReceive: (Target) -> Bool) -> [Message] {
        let arrived = messages.filter { $0.due <= now && canReceive($0.to) }
        guard !arrived.isEmpty else { return [] }
        let numbers = Set(arrived.map(\.number))
        messages.removeAll { numbers.contains($0.number) }
        return arrived.sorted { ($0.due, $0.number) < ($1.due, $1.number) }
    }

    /// Forgets what is on its way to or from a target: its connections are gone.
    mutating func cut(_ target: Target) {
        messages.removeAll { $0.from == target || $0.to == target }
    }
}

extension SimulatedNetwork.Message {
    /// What was sent.
    var value: Value? {
        try? bytes.withUnsafeBytes { try Value(messagePack: $0) }
    }
}
