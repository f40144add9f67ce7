/// One instance as the registry's table shows it.
public struct InstanceRow: Hashable, Sendable {
    /// Whether somebody is there.
    public enum State: String, Hashable, Sendable {
        /// Its heartbeat is younger than a lease.
        case alive
        /// It was there and its heartbeat is older than a lease.
        case silent
        /// The site file names it and nobody has been there since the registry began.
        case missing
        /// It said good-bye.
        case stopped
    }

    /// The instance id and the agent class.
    public var instance: String, className: String
    /// Whether somebody is there.
    public var state: State
    /// The host and process that hold the lease; empty and 0 where nobody is.
    public var host: String, pid: Int64
    /// The epoch of its log; 0 where nobody is.
    public var epoch: Int64
    /// Cerro's version there, and the hash of the site file that it runs.
    public var version: String, siteHash: String
    /// Where it answers requests and where it publishes: `tcp://10.0.0.2:5561`.
    public var requests: String, publisher: String
    /// The public key that it proves, in hexadecimal digits; empty where the site has no keys.
    public var key: String
    /// Messages and requests that it refused, and peers that it did not let in or that it cut off,
    /// since it began.
    public var refused: Int64
    /// Records of its feed `audit`, since it began.
    public var audited: Int64
    /// When it registered and when its last heartbeat arrived, on the registry's clock.
    public var since: Timestamp, seen: Timestamp
    /// Its clock less the registry's, as seen in the last heartbeat.
    public var clockOffset: Duration
    /// The round trip by which the instance itself has measured that, to half of it; nil where it
    /// has not, or the clock was set since: then the way of the heartbeat is in it.
    public var roundTrip: Duration?
    /// The status of the newest session of each operation, `idle` where there was none.
    public var operations: [String: String]
    /// The faults that it holds.
    public var faults: [Fault]
    /// How many records its log has accepted in this epoch.
    public var published: Int64
    /// Who has taken control of it; nil for nobody.
    public var control: Control?

    /// A row for an instance of which nothing is known but the site file's entry.
    public init(instance: String, className: String, host: String) {
        self.instance = instance
        self.className = className
        state = .missing
        self.host = host
        pid = 0
        epoch = 0
        version = ""
        siteHash = ""
        requests = ""
        publisher = ""
        key = ""
        refused = 0
        audited = 0
        since = Timestamp(nanoseconds: 0)
        seen = Timestamp(nanoseconds: 0)
        clockOffset = .zero
        operations = [:]
        faults = []
        published = 0
    }

    /// The row as a map; ``init(_:)`` reads it back.
    public var value: Value {
        [
            "instance": .string(instance), "class": .string(className),
            "state": .string(state.rawValue), "host": .string(host), "pid": .int(pid),
            "epoch": .int(epoch), "version": .string(version), "site_hash": .string(siteHash),
            "requests": .string(requests), "publisher": .string(publisher),
            "key": .string(key), "refused": .int(refused),
            "audited": .int(audited),
            "since": .timestamp(since), "seen": .timestamp(seen),
            "clock_offset_ns": .int(clockOffset.nanoseconds),
            "round_trip_ns": roundTrip.map { .int($0.nanoseconds) } ?? .null,
            "operations": .map(operations.mapValues(Value.string)),
            "faults": .array(faults.map(\.value)), "published": .int(published),
            "control": control?.value ?? .null,
        ]
    }

    /// Reads a row; nil if it is none.
    public init?(_ value: Value) {
        guard let instance = value["instance"]?.string, let className = value["class"]?.string,
            let state = value["state"]?.string.flatMap(State.init),
            let host = value["host"]?.string
        else { return nil }
        self.init(instance: instance, className: className, host: host)
        self.state = state
        pid = value["pid"]?.int ?? 0
        epoch = value["epoch"]?.int ?? 0
        version = value["version"]?.string ?? ""
        siteHash = value["site_hash"]?.string ?? ""
        requests = value["requests"]?.string ?? ""
        publisher = value["publisher"]?.string ?? ""
        key = value["key"]?.string ?? ""
        refused = value["refused"]?.int ?? 0
        audited = value["audited"]?.int ?? 0
        since = value["since"]?.timestamp ?? since
        seen = value["seen"]?.timestamp ?? seen
        clockOffset = .nanoseconds(value["clock_offset_ns"]?.int ?? 0)
        roundTrip = value["round_trip_ns"]?.int.map { .nanoseconds($0) }
        operations = value["operations"]?.map?.compactMapValues(\.string) ?? [:]
        faults = value["faults"]?.array?.compactMap(Fault.init) ?? []
        published = value["published"]?.int ?? 0
        control = value["control"].flatMap(Control.init)
    }
}
