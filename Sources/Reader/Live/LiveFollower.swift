internal import AgentClient
internal import ArchiveFormat
internal import MessageBus
internal import Telemetry

/// Keeps a ``LiveTable`` true: decodes what is published once, however many watch; and the labels
/// of instances, which come and go while the reader runs.
struct LiveFollower: Sendable {
    let site: any LiveSite
    let table: LiveTable
    let labels: SeriesLabels
    let time: any TimeSource

    /// Follows until cancelled, or until the site says no more.
    ///
    /// It listens only while somebody watches: what nobody hears is not sent, and costs nobody
    /// anything.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await lookAtTable() }
            for await isWatched in table.audience.presence() where isWatched {
                if await listen() { break }
            }
            group.cancelAll()
        }
    }

    /// Listens until nobody watches any more; whether the site has ended first.
    private func listen() async -> Bool {
        let messages = await site.messages()
        let hasEnded = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                var declarations = Declarations()
                for await message in messages { await take(message, &declarations) }
                return true
            }
            group.addTask {
                for await isWatched in table.audience.presence() where !isWatched { break }
                return false
            }
            let hasEnded = await group.next() ?? true
            group.cancelAll()
            return hasEnded
        }
        if !hasEnded { table.forgetSeen() }
        return hasEnded
    }

    /// The registry's table finds new publishers too.
    private func lookAtTable() async {
        while !Task.isCancelled {
            if let rows = try? await site.table() {
                table.note(rows, at: time.now)
                labels.note(rows)
            }
            do { try await time.sleep(for: ReaderLimits.tablePeriod) } catch { return }
        }
    }

    private struct Declarations {
        var feeds: [String: [String: Feed]] = [:]
        /// When an instance was last asked for its declarations, on the monotonic clock.
        var asked: [String: Duration] = [:]
    }

    private func take(_ message: LiveMessage, _ declarations: inout Declarations) async {
        let parts = message.topic.split(separator: "/").map(String.init)
        guard parts.count == 2 else { return }
        let (instance, feed) = (parts[0], parts[1])
        if show(message, instance, declarations.feeds[instance]?[feed]) { return }
        // Unknown, or declared anew: ask, but an instance that goes wrong only now and then.
        let asked = declarations.asked[instance] ?? .seconds(-1_000)
        guard time.monotonic - asked >= ReaderLimits.describePeriod else { return }
        declarations.asked[instance] = time.monotonic
        guard let reply = try? await site.reply(of: instance, to: Action.describe, [:], for: nil),
            let feeds = reply.result["feeds"]?.array?.compactMap(Feed.init)
        else { return }
        declarations.feeds[instance] = Dictionary(feeds.map { ($0.name, $0) }) { $1 }
        _ = show(message, instance, declarations.feeds[instance]?[feed])
    }

    /// Whether the message is of that feed; what is no data needs no more looking either.
    private func show(_ message: LiveMessage, _ instance: String, _ feed: Feed?) -> Bool {
        guard let feed else { return false }
        let blocks = message.payload.withUnsafeBytes { bytes in
            try? Record.withRecord(in: bytes) { record in
                record.header.kind == .data ? try record.blocks(of: feed) : []
            }
        }
        guard let blocks else { return false }
        table.note(instance, feed, blocks)
        return true
    }
}
