internal import AgentClient
internal import MessageBus
internal import Reader
internal import Telemetry

/// What to tell somebody who watches a name that nobody has: an empty screen says nothing.
enum WatchHint {
    /// What to say of a pattern that nothing of the running site fits; nil where something does.
    static func sentence(_ pattern: String, _ client: SiteClient) async throws -> String? {
        let rows = try await client.instances()
        return await sentence(pattern, rows.map(\.instance)) { instance in
            // Who is silent or says nothing may have the field.
            guard rows.contains(where: { $0.instance == instance && $0.state == .alive }) else {
                return nil
            }
            let answer = try? await client.result(
                instance,
                Action.describe,
                timeout: Limits.whyRequest
            )
            return answer?["feeds"]?.array?.compactMap(Feed.init)
        }
    }

    /// The same by the names of the instances, and by their feeds, nil where nobody knows them.
    static func sentence(
        _ pattern: String,
        _ instances: [String],
        _ feeds: (String) async -> [Feed]?
    ) async -> String? {
        let wanted = FieldPattern(pattern).widened
        let fitting = instances.filter { wanted.mayMatch(beginning: $0 + ".") }
        guard !fitting.isEmpty else {
            let own = String(pattern.prefix { $0 != "." })
            return "no instance of the site fits `\(pattern)`"
                + UnknownName.suggestion(
                    for: own,
                    among: instances,
                    else: "; `cerro status` lists them"
                ) + waiting
        }
        // Of a pattern too many would have to be asked.
        guard !pattern.contains("*"), let instance = fitting.first,
            let feeds = await feeds(instance)
        else { return nil }
        let names = feeds.flatMap { feed in
            feed.fields.map {
                FieldName(instance: instance, feed: feed.name, field: $0.name)
            }
        }
        guard !names.contains(where: { wanted.matches($0.description) }) else { return nil }
        return "\(instance) publishes no `\(pattern)`"
            + UnknownName.suggestion(
                for: pattern,
                among: UnknownName.candidates(for: pattern, among: names),
                else: "; `cerro describe \(instance)` lists what it does"
            ) + waiting
    }

    private static let waiting = "\nwhat comes later is shown, until Ctrl-C"
}
