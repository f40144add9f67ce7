internal import Telemetry

/// What is known of one field on its way from the instrument to an answer.
///
/// Nil is what nobody could be asked.
struct WhyFacts: Sendable {
    /// The field.
    var field: FieldName
    /// The clock of who asks.
    var now: Timestamp
    /// The instances of the site file, in its order.
    var declared: [Declared] = []
    /// The registry's table.
    var rows: [InstanceRow] = []
    /// What the field's instance says of itself.
    var agent: Agent?
    /// What the aggregators that live say of their process `record`, by instance.
    var recordings: [String: Recording] = [:]
    /// What the reader that lives says.
    var reader: Reader?

    /// An instance of the site file.
    struct Declared: Sendable {
        var instance: String, className: String, host: String
    }

    /// What an instance says of itself.
    struct Agent: Sendable {
        /// What it declares.
        var feeds: [Feed]
        /// The names of its processes.
        var processes: [String]
        /// The newest session of each operation.
        var sessions: [Session]
        /// What is wrong with it.
        var faults: [Fault]
        /// Its spool; nil where it does not answer that.
        var log: Log?
    }

    /// A spool.
    struct Log: Sendable {
        /// The current epoch, and the newest position in it.
        var epoch: Int64, newest: Int64
        /// Bytes on the disk, and how many may be there.
        var byteCount: Int64, size: Int64
        /// Why it cannot be written; nil where it can.
        var failure: String?
        /// How far each archive has committed, by its id.
        var archives: [String: Position] = [:]
        /// What was published of each feed.
        var feeds: [String: Published] = [:]
    }

    /// A position in a log.
    struct Position: Hashable, Sendable {
        var epoch: Int64, position: Int64
    }

    /// What was published of one feed since the agent started.
    struct Published: Hashable, Sendable {
        /// How many records.
        var records: Int64
        /// The timestamp of the last row, and when it came.
        var last: Timestamp?, at: Timestamp?
    }

    /// What an aggregator says of its process.
    struct Recording: Sendable {
        /// The newest session of `record`.
        var session: Session?
        /// The id of its archive, nil where it does not say.
        var archive: String?
    }

    /// What the reader says of itself and of the field.
    struct Reader: Sendable {
        /// The newest session of `serve`.
        var session: Session?
        /// The newest sample of each field of the feed.
        var last: [String: Timestamp] = [:]
        /// The newest rows of the feed: how many, and in how many of them the field has a value.
        var newestRows = 0, newestValues = 0
        /// The newest value of the field, and its unit.
        var value: Value?, unit: String = ""
        /// Why a query failed; nil where it did not.
        var failure: String?
    }

    /// The row of the field's instance.
    var row: InstanceRow? { rows.first { $0.instance == field.instance } }

    /// The newest sample of the field in the archive.
    var archived: Timestamp? { reader?.last[field.field] }

    /// The newest row of the field's feed in the archive, whatever field of it has a value.
    var archivedRow: Timestamp? { reader?.last.values.max() }

    /// What was published of the field's feed.
    var published: Published? { agent?.log?.feeds[field.feed] }

    /// The declaration of the field's feed, as the instance has it now.
    var feed: Feed? { agent?.feeds.first { $0.name == field.feed } }

    /// The instances of a class: of the site file, and others that live.
    ///
    /// Who was taken out of the site file has ended on purpose, though the table still has a row.
    func instances(of className: String) -> [String] {
        let names = declared.filter { $0.className == className }.map(\.instance)
        let others = rows.filter {
            $0.className == className && $0.state == .alive && !names.contains($0.instance)
        }
        return names + others.map(\.instance)
    }

    /// How long nothing may come before something is wrong: three periods, and at least 10 s.
    var patience: Duration {
        max(Limits.whyPatience, (feed?.period ?? .zero) * 3)
    }

    /// How much older the newest sample that the reader sees is than the one published last.
    var lag: Duration? {
        guard let last = published?.last else { return nil }
        guard let archivedRow else { return now - (published?.at ?? now) }
        return last - archivedRow
    }
}
