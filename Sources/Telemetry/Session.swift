/// One run of an operation, as status replies and the feed `sessions` show it.
public struct Session: Hashable, Sendable {
    /// How far a run is; forward only, but for running ⇄ degraded.
    public enum Status: String, Hashable, Sendable {
        /// Accepted; the body has not begun.
        case starting
        /// The body runs and does its job.
        case running
        /// The body runs without doing its job: ``Session/reason`` says why.
        case degraded
        /// Told to end.
        case stopping
        /// Ended; ``Session/success`` says how.
        case done
    }

    /// The number of the session within the instance's epoch, from 1.
    public var id: Int64
    /// The operation that runs.
    public var operation: String
    /// How far it is.
    public var status: Status
    /// Why it is degraded, or why it failed; empty otherwise.
    public var reason: String
    /// Nil until it is done.
    public var success: Bool?
    /// When it was accepted and when it was done.
    public var start: Timestamp, end: Timestamp?
    /// What the body says about its work, bounded.
    public var data: [String: Value]
    /// What the body logged, the newest last, bounded.
    public var messages: [Message]

    /// A line of a session.
    public struct Message: Hashable, Sendable {
        /// When it was logged.
        public var time: Timestamp
        /// What it says.
        public var text: String

        /// A line.
        public init(time: Timestamp, text: String) {
            self.time = time
            self.text = text
        }
    }

    /// A session that was just accepted.
    public init(id: Int64, operation: String, start: Timestamp) {
        self.id = id
        self.operation = operation
        status = .starting
        reason = ""
        success = nil
        self.start = start
        end = nil
        data = [:]
        messages = []
    }

    /// The session as a map; ``init(_:)`` reads it back.
    public var value: Value {
        [
            "session": .int(id), "operation": .string(operation),
            "status": .string(status.rawValue), "reason": .string(reason),
            "success": success.map(Value.bool) ?? .null, "start": .timestamp(start),
            "end": end.map(Value.timestamp) ?? .null, "data": .map(data),
            "messages": .array(messages.map { [.timestamp($0.time), .string($0.text)] }),
        ]
    }

    /// Reads a session; nil if it is none.
    public init?(_ value: Value) {
        guard let id = value["session"]?.int, let operation = value["operation"]?.string,
            let status = value["status"]?.string.flatMap(Status.init),
            let start = value["start"]?.timestamp
        else { return nil }
        self.init(id: id, operation: operation, start: start)
        self.status = status
        reason = value["reason"]?.string ?? ""
        success = value["success"]?.bool
        end = value["end"]?.timestamp
        data = value["data"]?.map ?? [:]
        messages = (value["messages"]?.array ?? []).compactMap { line in
            guard let line = line.array, line.count == 2, let time = line[0].timestamp,
                let text = line[1].string
            else { return nil }
            return Message(time: time, text: text)
        }
    }
}
