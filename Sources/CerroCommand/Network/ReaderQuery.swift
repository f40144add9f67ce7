internal import AgentClient
internal import MessageBus
internal import Reader
internal import SiteConfig
internal import Telemetry

/// What commands ask of the site's reader.
struct ReaderQuery {
    private let client: SiteClient
    private let reader: String

    /// A query of the reader `instance`, else of the first one of the site file.
    init(_ client: SiteClient, site: Site, instance: String?) throws(CommandFailure) {
        self.client = client
        reader = try Self.reader(instance, of: site)
    }

    /// The reader `instance`, else the first one of the site file.
    ///
    /// One that the file does not name may be known to the registry; what the file says is another
    /// thing is refused.
    static func reader(_ instance: String?, of site: Site) throws(CommandFailure) -> String {
        let entries = site.hosts.flatMap(\.agents)
        let readers = entries.filter { $0.className == "Reader" }.map(\.id)
        guard let instance else {
            if let first = readers.first { return first }
            throw CommandFailure(
                .usage,
                "\(site.file) has no instance of the class Reader, which answers this. Add "
                    + "`- {class: Reader, id: reader}` on the archive's host"
            )
        }
        let known =
            instance == Site.registryID
            ? "Registry" : entries.first { $0.id == instance }?.className
        guard let known, known != "Reader" else { return instance }
        throw CommandFailure(
            .usage,
            "--reader is \(instance), which is of the class \(known); "
                + (readers.isEmpty
                    ? "\(site.file) has no reader"
                    : "there \(readers.count == 1 ? "is" : "are") "
                        + readers.joined(separator: ", "))
        )
    }

    /// A query of the reader `reader`.
    init(_ client: SiteClient, reader: String) {
        self.client = client
        self.reader = reader
    }

    /// The fields that have samples in a range, as the reader describes them.
    func fields(_ patterns: [String], _ range: Range<Timestamp>) async throws -> [Value] {
        let fields = try await client.fields(patterns, in: range, of: reader)
        return fields.sorted { $0.key < $1.key }.map { name, field in
            var members = field.map ?? [:]
            members["name"] = .string(name)
            return .map(members)
        }
    }

    /// The full names that patterns stand for, in their order.
    ///
    /// - Throws: for all patterns that no field of the archive fits, with the nearest names.
    func names(_ patterns: [String]) async throws -> [String] {
        let known = try await known()
        let unknown = Self.unknown(patterns, among: known)
        guard unknown.isEmpty else {
            throw CommandFailure(.failed, unknown.joined(separator: "\n"))
        }
        let all = known.map(\.description)
        var seen: Set<String> = []
        return patterns.flatMap { all.filter(FieldPattern($0).widened.matches) }
            .filter { seen.insert($0).inserted }
    }

    /// The ledger's rows of a range, for some fields, feeds or instances or for all: a map with
    /// `gaps`, `marks`, `left_out` and `notes`.
    func ledger(_ patterns: [String], _ range: Range<Timestamp>) async throws -> Value {
        try await client.result(
            reader,
            "gaps",
            [
                "match": .array(patterns.map(Value.string)),
                "start": .string(range.lowerBound.description),
                "end": .string(range.upperBound.description),
            ],
            timeout: SiteClient.queryPatience,
            finding: SiteClient.patience
        )
    }

    /// How much of each timeline is there, hour by hour, as the reader answers it; nil where no
    /// reader is alive or it does not answer within `patience`.
    static func completeness(
        _ client: SiteClient,
        _ rows: [InstanceRow],
        _ range: Range<Timestamp>,
        patience: Duration
    ) async -> [String: Value]? {
        guard let reader = rows.first(where: { $0.className == "Reader" && $0.state == .alive })
        else { return nil }
        let answer = try? await client.result(
            reader.instance,
            "completeness",
            [
                "start": .string(range.lowerBound.description),
                "end": .string(range.upperBound.description),
            ],
            timeout: patience
        )
        return answer?["timelines"]?.map
    }

    /// Samples of fields; an answer that does not fit one message is asked for in halves.
    func data(
        _ names: [String],
        _ range: Range<Timestamp>,
        _ reduction: [String: Value]
    ) async throws -> SampleAnswer {
        try await client.samples(of: names, in: range, reduced: reduction, from: reader)
    }

    /// The fields that have samples at any time.
    func known() async throws -> [FieldName] {
        try await fields([], FieldsQuery.allTime).compactMap {
            $0["name"]?.string.flatMap { FieldName($0) }
        }
    }

    /// A sentence for each of some names and patterns that fits none of `known`.
    static func unknown(_ patterns: [String], among known: [FieldName]) -> [String] {
        let all = known.map(\.description)
        return patterns.filter { !all.contains(where: FieldPattern($0).widened.matches) }
            .map {
                UnknownName.sentence(
                    $0,
                    among: known,
                    else: "; `cerro fields` lists those that have"
                )
            }
    }
}
