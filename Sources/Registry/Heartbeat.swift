internal import AgentRuntime
internal import Glibc
internal import MessagePack
internal import Telemetry

/// What an instance says of itself each second.
///
/// At a large site nothing comes as often, so it is read where it stands. Of what seldom changes
/// only the bytes are taken: whoever has seen the same ones knows what they say.
public struct Heartbeat: Sendable {
    /// Whose it is.
    public private(set) var instance: String, epoch: Int64
    /// Operations, faults and control, an item of MessagePack each; null where there is none.
    private(set) var lasting: [UInt8] = []
    private var clock: Int64?, offset: Int64?, roundTrip: Int64?
    private var published: Int64?, refused: Int64?, audited: Int64?

    /// A heartbeat that says no more than who lives.
    public init(_ instance: String, epoch: Int64) {
        self.instance = instance
        self.epoch = epoch
    }

    /// Reads the arguments of a heartbeat, which are MessagePack; nil if they are none.
    public init?(_ arguments: [UInt8]) {
        self.init("", epoch: 0)
        let isRead = arguments.withUnsafeBytes { read($0) }
        guard isRead, !instance.isEmpty, epoch > 0 else { return nil }
    }

    /// Takes what there is; false where it is no map of texts.
    private mutating func read(_ arguments: UnsafeRawBufferPointer) -> Bool {
        guard var reader = MessagePackReader(arguments), let count = reader.map() else {
            return false
        }
        var operations: UnsafeRawBufferPointer?, faults: UnsafeRawBufferPointer?
        var control: UnsafeRawBufferPointer?
        for _ in 0..<count {
            guard let key = reader.utf8(), let item = try? reader.item(),
                var value = MessagePackReader(item)
            else { return false }
            switch key {
            case "instance": instance = value.text() ?? ""
            case "epoch": epoch = value.int() ?? 0
            case "clock": clock = value.int()
            case "offset_ns": offset = value.int()
            case "round_trip_ns": roundTrip = value.int()
            case "published": published = value.int()
            case "refused": refused = value.int()
            case "audited": audited = value.int()
            case "operations": operations = item
            case "faults": faults = item
            case "control": control = item
            default: continue
            }
        }
        lasting.reserveCapacity(arguments.count)
        for item in [operations, faults, control] {
            if let item { lasting += item } else { lasting.append(0xC0) }
        }
        return true
    }
}

extension Heartbeat {
    /// Tells a row what is new each second; it came `now`.
    func tell(_ row: inout InstanceRow, at now: Timestamp) {
        row.seen = now
        row.published = published ?? row.published
        row.refused = refused ?? row.refused
        row.audited = audited ?? row.audited
        // What the instance has measured counts, unless its clock says something else by now: a
        // difference beyond a heartbeat is no delay on the way.
        let seen = clock.map { Timestamp(nanoseconds: $0) - now } ?? .zero
        row.clockOffset = seen
        row.roundTrip = nil
        guard let offset = offset.map(Duration.nanoseconds), let roundTrip, roundTrip >= 0,
            max(offset - seen, seen - offset) < RuntimeLimits.heartbeatPeriod
        else { return }
        row.clockOffset = offset
        row.roundTrip = .nanoseconds(roundTrip)
    }

    /// Tells a row what seldom changes; what cannot be read leaves it as it is.
    func tellLasting(_ row: inout InstanceRow) {
        lasting.withUnsafeBytes { bytes in
            guard var reader = MessagePackReader(bytes) else { return }
            func next() -> Value? {
                (try? reader.item()).flatMap { try? Value(messagePack: $0) }
            }
            row.operations = next()?.map?.compactMapValues(\.string) ?? row.operations
            row.faults = next()?.array?.compactMap(Fault.init) ?? row.faults
            row.control = next().flatMap(Control.init)
        }
    }
}

/// Whether the bytes of a text are those of a word.
private func ~= (word: StaticString, text: UnsafeRawBufferPointer) -> Bool {
    guard text.count == word.utf8CodeUnitCount, let start = text.baseAddress else { return false }
    return memcmp(start, word.utf8Start, text.count) == 0
}
