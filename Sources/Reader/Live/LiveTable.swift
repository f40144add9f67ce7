internal import Synchronization
internal import Telemetry

/// What is newest: the last sample of each field, and the last row of each instance.
///
/// Whoever watches asks for what has changed since the last time. So a watcher that is slow misses
/// what lies between, and nothing waits for it.
final class LiveTable: Sendable {
    /// The newest sample of a field.
    struct Sample: Sendable {
        let name: String
        var time: Timestamp
        var value: Value
    }

    /// What tells that an instance lives, and how much it says.
    struct Pulse: Hashable, Sendable {
        let instance: String
        /// Its last heartbeat on the registry's clock.
        let heartbeat: Timestamp
        /// The records that its log has accepted in this epoch.
        let published: Int64
        /// The time of its newest sample, nil if nothing was seen of it.
        var newest: Timestamp?
        /// The rows of its feeds that were seen as they were published.
        var rows: Int
    }

    private struct Seen {
        var newest: Timestamp
        var rows: Int
    }

    private struct Changed<Content> {
        var content: Content
        var revision: UInt64
    }

    private struct State {
        var revision: UInt64 = 0
        var places: [String: Int] = [:]
        var samples: [Changed<Sample>] = []
        var rows: [String: Changed<InstanceRow>] = [:]
        var seen: [String: Seen] = [:]
        var looked: Timestamp?
        var dropped = 0
    }

    /// Who watches.
    let audience = LiveAudience()
    private let state = Mutex(State())

    /// Takes in the last value of each field; a missing value is none, so the one before stays.
    func note(_ instance: String, _ feed: Feed, _ blocks: [Block]) {
        guard let block = blocks.last, let last = block.timestamps.last else { return }
        state.withLock { state in
            state.revision += 1
            let before = state.seen[instance]
            state.seen[instance] = Seen(
                newest: max(last, before?.newest ?? last),
                rows: (before?.rows ?? 0) + blocks.reduce(0) { $0 + $1.timestamps.count }
            )
            for (index, field) in feed.fields.enumerated() {
                let column = block.columns[index]
                let row = block.timestamps.indices.last { column.value(at: $0) != .null }
                guard let row else { continue }
                let name = "\(instance).\(feed.name).\(field.name)"
                let sample = Sample(
                    name: name,
                    time: block.timestamps[row],
                    value: block.columns[index].value(at: row)
                )
                let changed = Changed(content: sample, revision: state.revision)
                if let place = state.places[name] {
                    state.samples[place] = changed
                } else if state.samples.count < ReaderLimits.liveFields {
                    state.places[name] = state.samples.count
                    state.samples.append(changed)
                } else {
                    state.dropped += 1
                }
            }
        }
    }

    /// Takes in the registry's table as it was at `time`; a row counts as changed if more than its
    /// heartbeat and its count of records has.
    func note(_ rows: [InstanceRow], at time: Timestamp) {
        state.withLock { state in
            state.revision += 1
            state.looked = time
            let names = Set(rows.map(\.instance))
            state.rows = state.rows.filter { names.contains($0.key) }
            state.seen = state.seen.filter { names.contains($0.key) }
            for row in rows {
                var comparable = row
                if let before = state.rows[row.instance] {
                    comparable.seen = before.content.seen
                    comparable.clockOffset = before.content.clockOffset
                    comparable.roundTrip = before.content.roundTrip
                    comparable.published = before.content.published
                    comparable.refused = before.content.refused
                    if comparable == before.content {
                        state.rows[row.instance]?.content = row
                        continue
                    }
                }
                state.rows[row.instance] = Changed(content: row, revision: state.revision)
            }
        }
    }

    /// The newest rows of all instances, by name.
    var rows: [InstanceRow] {
        state.withLock { $0.rows.values.map(\.content) }.sorted { $0.instance < $1.instance }
    }

    /// Forgets what was seen: what comes while nobody listens is not known, and so what came before
    /// is not the newest any more.
    func forgetSeen() {
        state.withLock { state in
            state.seen = [:]
            for place in state.samples.indices { state.samples[place].revision = 0 }
        }
    }

    /// The pulses of all instances by name, and when the registry's table was last looked at.
    var pulses: (pulses: [Pulse], looked: Timestamp?) {
        state.withLock { state in
            let pulses = state.rows.values.map { row in
                let seen = state.seen[row.content.instance]
                return Pulse(
                    instance: row.content.instance,
                    heartbeat: row.content.seen,
                    published: row.content.published,
                    newest: seen?.newest,
                    rows: seen?.rows ?? 0
                )
            }
            return (pulses.sorted { $0.instance < $1.instance }, state.looked)
        }
    }

    /// How many samples were not kept, since there are too many fields.
    var droppedCount: Int { state.withLock { $0.dropped } }

    /// What one watcher has seen.
    struct Watcher: Sendable {
        let patterns: [FieldPattern]
        private var revision: UInt64 = 0
        /// The places of the fields that fit, and how many fields were looked through for them.
        private var places: [Int] = []
        private var known = 0

        /// A watcher of all fields that fit one of `patterns`.
        init(_ patterns: [FieldPattern]) {
            self.patterns = patterns
        }

        /// What has changed since the last time.
        mutating func changes(in table: LiveTable) -> (samples: [Sample], rows: [InstanceRow]) {
            table.state.withLock { state in
                while known < state.samples.count {
                    let name = state.samples[known].content.name
                    if patterns.contains(where: { $0.matches(name) }) { places.append(known) }
                    known += 1
                }
                let since = revision
                revision = state.revision
                let samples = places.compactMap { place in
                    let sample = state.samples[place]
                    return sample.revision > since ? sample.content : nil
                }
                let rows = state.rows.values.filter { $0.revision > since }.map(\.content)
                return (samples, rows.sorted { $0.instance < $1.instance })
            }
        }
    }
}
