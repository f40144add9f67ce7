internal import AgentRuntime
internal import Telemetry

/// Publishes numbered rows as fast as asked for, with little work for each message.
///
/// The columns of values are made once and shared by all messages; only the timestamps and the
/// field `n` of a message are new.
struct LoadSource: Sendable {
    /// The feed `load`, or `load_1` and so on: the field `n`, then `value_001` and so on.
    let feeds: [Feed]
    private let rows: Int
    private let rate: Double
    /// Columns for messages in turn, so that not all of them are the same; `n` is put first.
    private let templates: [[Column]]

    /// A source of `load`.
    init(_ load: FakeDataAgent.Load) {
        let values = (1..<max(load.fields, 1)).map { index in
            let digits = String(index)
            let zeros = String(repeating: "0", count: max(0, 3 - digits.count))
            return Field("value_" + zeros + digits)
        }
        let rows = load.rows
        let number = Field("n", .int, description: "the number of the row, from 1")
        var wave = Wave(seed: 1)
        feeds = (1...max(load.feeds, 1)).map { index in
            Feed(
                load.feeds > 1 ? "load_\(index)" : "load",
                fields: [number] + values,
                description: "numbered rows; a lost one leaves a hole in n"
            )
        }
        templates = (0..<16).map { template in
            [.ints([Int64](repeating: 0, count: rows))]
                + values.indices.map { channel in
                    Column.doubles(
                        (0..<rows).map { row -> Double in
                            wave.kelvins(of: channel, at: Double(template * rows + row))
                        }
                    )
                }
        }
        self.rows = rows
        rate = load.rate
    }

    /// Publishes until the session is stopped, or until `count` messages are out.
    func run(_ session: OperationSession, _ setting: LoadSetting) async throws {
        let time = session.time
        let start = time.monotonic
        let rate = (setting.rate > 0 ? setting.rate : rate) / Double(feeds.count)
        var pacer = Pacer(rate: rate, onBeatsOf: time)
        let total = setting.count > 0 ? setting.count : Int.max
        var published = 0
        var shownAt = start
        while !Task.isCancelled, published < total {
            let now = time.monotonic
            let due = pacer.take(at: now, most: Limits.mostBlocksAtOnce)
            for feed in feeds {
                let count = min(due, total - published)
                guard count > 0 else { break }
                try await session.publish(feed, blocks(count, after: published, at: time.now))
                published += count
            }
            if now - shownAt > .milliseconds(250) {
                session.set("published", .int(Int64(published)))
                shownAt = now
            }
            guard due < Limits.mostBlocksAtOnce, published < total else { continue }
            do {
                try await time.sleep(untilMonotonic: pacer.wake(after: now))
            } catch {
                break
            }
        }
        session.set("published", .int(Int64(published)))
        session.set("seconds", .double((time.monotonic - start).inSeconds))
    }

    /// Messages `after` + 1 and following, each of `rows` rows that are a nanosecond apart.
    private func blocks(_ count: Int, after: Int, at now: Timestamp) -> [Block] {
        var blocks: [Block] = []
        blocks.reserveCapacity(count)
        var number = Int64(after) * Int64(rows)
        var instant = now.nanoseconds - Int64(count) * Int64(rows)
        for message in 0..<count {
            var columns = templates[(after + message) % templates.count]
            var numbers = [Int64](repeating: 0, count: rows)
            var timestamps = [Timestamp](repeating: now, count: rows)
            for row in 0..<rows {
                number += 1
                instant += 1
                numbers[row] = number
                timestamps[row].nanoseconds = instant
            }
            columns[0] = .ints(numbers)
            blocks.append(Block(timestamps: timestamps, columns: columns))
        }
        return blocks
    }
}
