internal import AgentClient
internal import MessageBus
internal import SiteConfig
internal import Telemetry

extension WhyFacts {
    /// Asks everybody on the way of a field; who does not answer in time is left out.
    ///
    /// - Throws: `ClientError` if the registry does not answer, without which nobody is found.
    static func gather(
        _ field: FieldName,
        _ client: SiteClient,
        _ site: Site,
        now: Timestamp
    ) async throws -> WhyFacts {
        var facts = WhyFacts(field: field, now: now)
        facts.declared = site.hosts.flatMap { host in
            host.agents.map {
                Declared(instance: $0.id, className: $0.className, host: host.name)
            }
        }
        facts.rows = try await client.instances()
        func isAlive(_ name: String) -> Bool {
            facts.rows.contains { $0.instance == name && $0.state == .alive }
        }
        if isAlive(field.instance) { facts.agent = await Agent(asking: client, field.instance) }
        for name in facts.instances(of: "Aggregator") where isAlive(name) {
            guard let sessions = await Self.sessions(of: name, client) else { continue }
            let session = sessions.first { $0.operation == "record" }
            facts.recordings[name] = Recording(
                session: session,
                archive: session?.data["archive"]?.string
            )
        }
        if let name = facts.instances(of: "Reader").first, isAlive(name) {
            facts.reader = await Reader(asking: client, name, about: field, now: now)
        }
        return facts
    }

    /// One answer, nil where there is none in time.
    fileprivate static func ask(
        _ client: SiteClient,
        _ instance: String,
        _ action: String,
        _ arguments: Value = [:]
    ) async -> Value? {
        try? await client.result(instance, action, arguments, timeout: Limits.whyRequest)
    }

    fileprivate static func sessions(
        of instance: String,
        _ client: SiteClient
    ) async -> [Session]? {
        await ask(client, instance, Action.status)?["sessions"]?.array?.compactMap(Session.init)
    }
}

extension WhyFacts.Agent {
    fileprivate init?(asking client: SiteClient, _ instance: String) async {
        guard let description = await WhyFacts.ask(client, instance, Action.describe),
            let status = await WhyFacts.ask(client, instance, Action.status)
        else { return nil }
        feeds = description["feeds"]?.array?.compactMap(Feed.init) ?? []
        processes = (description["operations"]?.array ?? [])
            .filter { $0["kind"]?.string == "process" }.compactMap { $0["name"]?.string }
        sessions = status["sessions"]?.array?.compactMap(Session.init) ?? []
        faults = status["faults"]?.array?.compactMap(Fault.init) ?? []
        log = await WhyFacts.ask(client, instance, Action.log).flatMap(WhyFacts.Log.init)
    }
}

extension WhyFacts.Log {
    /// Reads the answer to `log`; nil if it is none.
    init?(_ value: Value) {
        guard let epoch = value["epoch"]?.int, let newest = value["newest"]?.int else { return nil }
        self.epoch = epoch
        self.newest = newest
        byteCount = value["bytes"]?.int ?? 0
        size = value["size"]?.int ?? 0
        failure = value["failure"]?.string
        archives = (value["archives"]?.map ?? [:]).compactMapValues { commit in
            guard let epoch = commit["epoch"]?.int, let position = commit["position"]?.int else {
                return nil
            }
            return WhyFacts.Position(epoch: epoch, position: position)
        }
        feeds = (value["feeds"]?.map ?? [:]).mapValues { feed in
            WhyFacts.Published(
                records: feed["records"]?.int ?? 0,
                last: feed["last"]?.timestamp,
                at: feed["published"]?.timestamp
            )
        }
    }
}

extension WhyFacts.Reader {
    fileprivate init?(
        asking client: SiteClient,
        _ instance: String,
        about field: FieldName,
        now: Timestamp
    ) async {
        guard let sessions = await WhyFacts.sessions(of: instance, client) else { return nil }
        session = sessions.first { $0.operation == "serve" }
        do {
            try await look(client, instance, field, now)
        } catch ClientError.refused(_, let text, _) {
            failure = text
        } catch {
            failure = "\(error)"
        }
    }

    private mutating func look(
        _ client: SiteClient,
        _ instance: String,
        _ field: FieldName,
        _ now: Timestamp
    ) async throws {
        let known = try await client.result(
            instance,
            "get_fields",
            ["match": [.string(field.timeline + ".*")], "start": 1],
            timeout: Limits.whyRequest
        )
        for (name, description) in known["fields"]?.map ?? [:] {
            guard let name = FieldName(name), let last = description["last"]?.timestamp else {
                continue
            }
            self.last[name.field] = last
            if name == field { unit = description["units"]?.string ?? "" }
        }
        // Beside the field that which has the newest row, to see rows in which the field has none.
        guard let newest = last.max(by: { ($0.value, $0.key) < ($1.value, $1.key) }) else { return }
        let companion = FieldName(
            instance: field.instance,
            feed: field.feed,
            field: newest.key
        )
        let end = newest.value + .nanoseconds(1)
        let answer = try await client.result(
            instance,
            "get_data",
            [
                "fields": [.string(field.description), .string(companion.description)],
                "start": .string((end - Limits.whyRows).description),
                "end": .string(end.description),
            ],
            timeout: Limits.whyRequest
        )
        guard let rows = SampleAnswer(answer)?.timelines.first else { return }
        newestRows = rows.times.count
        guard let column = rows.columns.first(where: { $0.name == field.description })?.column
        else { return }
        let present = (0..<column.count).filter(column.isPresent)
        newestValues = present.count
        value = present.last.map(column.value)
    }
}
