public import Telemetry

/// The faults that an agent holds, by id and subject.
public struct FaultBook: Sendable {
    /// A change that is worth a record.
    public enum Change: Hashable, Sendable {
        case raised(Fault)
        case cleared(Fault, at: Timestamp)
    }

    private struct Key: Hashable {
        let id: String, subject: String
    }

    private var held: [Key: Fault] = [:]

    /// A book without faults.
    public init() {}

    /// The faults, the oldest first.
    public var open: [Fault] {
        held.values.sorted { ($0.since, $0.id, $0.subject) < ($1.since, $1.id, $1.subject) }
    }

    /// Raises a fault; one that is held already keeps its begin, and nil says that nothing changed.
    public mutating func raise(_ fault: Fault) -> Change? {
        let key = Key(id: fault.id, subject: fault.subject)
        if let before = held[key] {
            guard before.text != fault.text || before.severity != fault.severity else {
                return nil
            }
            held[key] = Fault(
                id: fault.id,
                severity: fault.severity,
                since: before.since,
                text: fault.text,
                subject: fault.subject
            )
            // A text that changes with every reading is not an event; a severity is.
            return before.severity == fault.severity ? nil : held[key].map(Change.raised)
        }
        guard held.count < RuntimeLimits.openFaults else { return nil }
        held[key] = fault
        return .raised(fault)
    }

    /// Clears a fault; nil if it is not held.
    public mutating func clear(_ id: String, subject: String, at time: Timestamp) -> Change? {
        held.removeValue(forKey: Key(id: id, subject: subject)).map { .cleared($0, at: time) }
    }
}
