import ArchiveFormat
import CerroTesting
import Log
import SiteConfig
import Telemetry

@testable import Archive

/// An archive of some days on a disk: hourly files of feeds that differ in all that files can.
///
/// Samples of `alpha.mixed` come in order but for a few that are hours late; `alpha.texts` has a
/// text a row; `beta.positions` changes its declaration in the middle of each day. Values are drawn
/// from a seed.
struct DayArchive {
    static let mixed = Feed(
        "mixed",
        fields: [Field("n", .int), Field("x"), Field("on", .bool), Field("sparse")],
        period: .seconds(60)
    )
    static let texts = Feed("texts", fields: [Field("text", .string)])
    static let other = Feed("positions", fields: [Field("position"), Field("more", .int)])

    let directory: ArchiveDirectory
    let time: ManualTimeSource
    let journal: JournalWriter
    let lock: any FolderLock

    /// 2026-11-21T00:00:00 UTC, when the first of the days begins.
    static let midnight = Timestamp(seconds: 1_795_219_200)

    init(
        _ directory: ArchiveDirectory,
        days: Int,
        every step: Int = 600,
        seed: UInt64 = 1,
        isSealed: Bool = true
    ) throws {
        self.directory = directory
        time = ManualTimeSource(Self.midnight)
        let (id, lock) = try directory.lockForWriting(holder: "test writer")
        self.lock = lock
        journal = try JournalWriter(directory: directory, archive: id, time: time)
        var random = SeededGenerator(seed: seed)
        for day in 0..<days {
            let step = day == 0 ? step : max(step, 600)
            var alpha = AgentLog("alpha", epoch: Int64(day * 10 + 1))
            var beta = AgentLog("beta", epoch: Int64(day * 10 + 2))
            alpha.declare(Self.mixed, revision: 1, at: time.now)
            alpha.declare(Self.texts, revision: 2, at: time.now)
            beta.declare(.positions, revision: 1, at: time.now)
            beta.declare(Self.other, revision: 2, at: time.now)
            for second in stride(from: 0, to: 86_400, by: step) {
                let now = Self.midnight + .seconds(day * 86_400 + second)
                time.now = now
                try journal.rotateIfDue(at: now)
                Self.publish(at: now, step, &alpha, &random)
                Self.publish(at: now, second, &beta)
                try alpha.send(to: journal, received: now)
                try beta.send(to: journal, received: now)
                if second / step % 10 == 0 { try journal.commit() }
            }
            alpha.addRubbish()
            alpha.end(at: time.now)
            beta.end(at: time.now)
            for log in [alpha, beta] { try log.send(to: journal, received: time.now) }
            journal.appendLedger(
                LedgerEntry(
                    instance: "beta",
                    feed: nil,
                    from: time.now - .seconds(5),
                    to: time.now,
                    count: nil,
                    cause: "power loss, at most 1 s"
                )
            )
            try journal.commit()
        }
        time.now = Self.midnight + .seconds(days * 86_400)
        try journal.rotateIfDue(at: time.now)
        if isSealed { try seal() }
    }

    func seal() throws {
        try Sealer(directory: directory, time: time).sealAll(openSegment: journal.segmentPath)
    }

    private static func publish(
        at now: Timestamp,
        _ step: Int,
        _ log: inout AgentLog,
        _ random: inout SeededGenerator
    ) {
        let isLate = random.below(20) == 0
        let times = (0..<4).map { row in
            now + .seconds(row * step / 4) - .seconds(isLate ? 7_200 : 0)
                + .nanoseconds(Int64(random.below(3)))
        }
        let values = times.map { _ in Double(random.below(4_000)) / 1000 }
        let odd = [Double(bitPattern: 0x7FF8_0000_0000_1234), -0.0, .infinity, values[3]]
        log.publish(
            [
                Block(
                    timestamps: times,
                    columns: [
                        .ints(times.map { _ in Int64(random.below(1 << 40)) }),
                        .doubles(random.below(9) == 0 ? odd : values),
                        .bools(times.map { _ in random.below(2) == 0 }),
                        .doubles(values.map { random.below(3) == 0 ? nil : $0 }),
                    ]
                )
            ],
            revision: 1,
            at: now
        )
        let text = String(repeating: "é", count: random.below(30))
        log.publish(
            [Block(timestamps: [times[0]], columns: [.strings([text])])],
            revision: 2,
            at: now
        )
    }

    private static func publish(at now: Timestamp, _ second: Int, _ log: inout AgentLog) {
        let position = log.last + 1
        if second < 43_200 {
            log.publish(
                [Block(timestamps: [now], columns: [.ints([position])])],
                revision: 1,
                at: now
            )
        } else {
            log.publish(
                [Block(timestamps: [now], columns: [.doubles([Double(position)]), .ints([7])])],
                revision: 2,
                at: now
            )
        }
    }

    func compactor(
        _ retention: RetentionSettings = RetentionSettings(),
        reserve: Int = 0,
        limits: CompactionLimits = CompactionLimits()
    ) -> Compactor {
        Compactor(directory, retention, reserve: reserve, time: time, limits: limits)
    }
}

/// All that the files of an archive say, each row in the order of answers.
struct FileAnswers: Equatable {
    /// By `instance.feed`: a line a row: declaration, time, values bit by bit.
    var rows: [String: [String]] = [:]
    var ledger: [LedgerEntry: Int] = [:]
    var cursors: [Cursor] = []
    var unreadable: [String] = []
    /// By `instance.feed`: the widest delays.
    var delays: [String: ClosedRange<Int64>] = [:]

    init(_ directory: ArchiveDirectory) throws {
        let all = try directory.files().filter { $0.kind == .sealed }.map {
            try SealedFile.open(directory.full($0), disk: directory.disk)
        }
        let replaced = Set(all.flatMap(\.footer.sources))
        var table = CursorTable()
        var found: [String: [(time: Int64, line: String)]] = [:]
        for file in all where !replaced.contains(file.footer.id) {
            for entry in file.footer.ledger { ledger[entry, default: 0] += 1 }
            for cursor in file.footer.cursors { table.merge(cursor) }
            for record in file.footer.unreadable {
                let bytes = try ChunkCodec.payload(file.bytes(of: record.chunk), record.chunk)
                unreadable.append("\(record.instance) \(record.epoch) \(record.position) \(bytes)")
            }
            for timeline in file.footer.timelines {
                let name = "\(timeline.instance).\(timeline.feed.name)"
                for group in timeline.groups {
                    let wide = delays[name] ?? group.shortestDelay...group.longestDelay
                    delays[name] =
                        min(
                            wide.lowerBound,
                            group.shortestDelay
                        )...max(
                            wide.upperBound,
                            group.longestDelay
                        )
                }
                let fields = Array(timeline.feed.fields.indices)
                let (times, columns) = try file.columns(timeline, fields: fields, range: .allOfTime)
                for (row, time) in times.enumerated() {
                    let values = columns.map { Self.text($0.value(at: row)) }
                    let line = "\(timeline.feed.fields.count) \(time.nanoseconds) \(values)"
                    found[name, default: []].append((time.nanoseconds, line))
                }
            }
        }
        cursors = table.cursors
        for (name, lines) in found {
            guard let order = stableOrder(lines.map(\.time)) else {
                rows[name] = lines.map(\.line)
                continue
            }
            rows[name] = order.map { lines[$0].line }
        }
    }

    private static func text(_ value: Value) -> String {
        if case .double(let number) = value { return "d\(number.bitPattern)" }
        return "\(value)"
    }
}
