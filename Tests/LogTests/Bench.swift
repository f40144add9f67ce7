internal import ArchiveFormat
internal import CerroTesting
internal import Synchronization
internal import Telemetry

@testable import Log

/// What a log told, in order.
final class Told: Sendable {
    private let events = Mutex<[LogEvent]>([])
    private let onRecovery = Mutex<CheckedContinuation<Void, Never>?>(nil)

    func note(_ event: LogEvent) {
        events.withLock { $0.append(event) }
        guard case .recovered = event else { return }
        onRecovery.withLock { continuation in
            continuation?.resume()
            continuation = nil
        }
    }

    /// Calls `body` and returns when the log has recovered after that.
    func recovery(_ body: () -> Void) async {
        await withCheckedContinuation { continuation in
            onRecovery.withLock { $0 = continuation }
            body()
        }
    }

    var all: [LogEvent] { events.withLock { $0 } }

    var losses: [RecordLoss] {
        all.compactMap { if case .dropped(let loss) = $0 { loss } else { nil } }
    }

    var wentToMemory: Int {
        all.count { if case .inMemory = $0 { true } else { false } }
    }

    var recovered: Int {
        all.count { if case .recovered = $0 { true } else { false } }
    }

    /// How many records of `feed` went out on PUB.
    func published(_ feed: String) -> Int {
        var count = 0
        for case .written(let records) in all {
            records.forEach { name, _ in count += name == feed ? 1 : 0 }
        }
        return count
    }
}

/// One agent's log on one disk, and what tests do with it.
struct Bench {
    static let feed = Feed("counter", fields: [Field("value", .int)])
    static let durable = Feed("audit", fields: [Field("value", .int)], durable: true)

    var disk = SimulatedDisk()
    let clock = ManualTimeSource(
        Timestamp(seconds: 1_763_700_000),
        step: .microseconds(1)
    )
    let told = Told()

    /// A log that knows the feed of most tests.
    func declared(
        boot: String = "boot-1",
        settings: AgentLog.Settings = AgentLog.Settings()
    ) async throws -> AgentLog {
        let log = try open(boot: boot, settings: settings)
        _ = try await log.declare(Self.feed)
        return log
    }

    func open(
        boot: String = "boot-1",
        settings: AgentLog.Settings = AgentLog.Settings(),
        time: (any TimeSource)? = nil
    ) throws(LogError) -> AgentLog {
        let told = told
        return try AgentLog(
            folder: "spool",
            instance: "cryo-1",
            settings: settings,
            disk: disk,
            time: time ?? clock,
            bootID: boot,
            onEvent: { told.note($0) }
        )
    }

    static func block(_ values: Int...) -> Block {
        Block(
            timestamps: values.map { Timestamp(seconds: Int64($0)) },
            columns: [.ints(values.map(Int64.init))]
        )
    }

    /// All the files of segments, oldest first.
    var segments: [String] { disk.paths.filter { $0.hasSuffix(".log") } }
}

/// An archive that pulls, and checks that nothing is missing or twice.
struct Puller {
    struct Row: Hashable {
        let epoch: Int64, position: Int64, value: Int64
    }

    var id = "archive-1"
    var epoch: Int64 = 0
    var after: Int64 = 0
    var crc: UInt32 = 0
    var committed: (epoch: Int64, position: Int64) = (0, 0)
    var maxBytes = 1 << 20
    var rows: [Row] = []
    /// All positions that came, by epoch.
    var positions: [Int64: Set<Int64>] = [:]
    var losses: [LedgerEntry] = []
    var lossRecords: [RecordLoss] = []
    var ends = 0
    var feeds: [Int64: Feed] = [:]
    var undeclared = 0

    init(id: String = "archive-1") {
        self.id = id
    }

    var values: [Int64] { rows.map(\.value) }

    func request() -> FetchRequest {
        FetchRequest(
            archive: id,
            epoch: epoch,
            after: after,
            crc: crc,
            committedEpoch: committed.epoch,
            committedPosition: committed.position,
            maxBytes: maxBytes
        )
    }

    /// One fetch; what it brought.
    @discardableResult
    mutating func fetch(_ log: AgentLog) throws -> FetchAnswer {
        let answer = log.fetch(request())
        losses += answer.losses
        try take(answer)
        switch answer.state {
        case .more, .caughtUp: break
        case .finished(let next): go(to: next)
        case .gone(let next), .diverged(let next): go(to: next)
        }
        return answer
    }

    private mutating func go(to next: Int64?) {
        guard let next else { return }
        epoch = next
        after = 0
        crc = 0
        feeds = [:]
    }

    private mutating func take(_ answer: FetchAnswer) throws {
        if epoch != answer.epoch { feeds = [:] }
        epoch = answer.epoch
        var position = answer.first
        try answer.frames.withUnsafeBytes { bytes in
            var scanner = FrameScanner(bytes)
            while case .frame(_, let payload, let crc)? = scanner.next() {
                try Record.withRecord(in: payload) { record in
                    guard record.header.position == position, record.header.epoch == epoch else {
                        throw RecordError.malformed("position \(record.header), not \(position)")
                    }
                    try read(record)
                }
                self.crc = crc
                after = position
                position += 1
            }
        }
        guard position == answer.first + answer.count else {
            throw RecordError.malformed("\(answer.count) records announced")
        }
    }

    private mutating func read(_ record: Record) throws {
        positions[record.header.epoch, default: []].insert(record.header.position)
        switch record.header.kind {
        case .declaration: feeds[record.header.revision] = try record.declaration()
        case .loss: lossRecords.append(try record.loss())
        case .end: ends += 1
        case .data:
            guard let feed = feeds[record.header.revision] else {
                undeclared += 1
                return
            }
            for block in try record.blocks(of: feed) {
                guard case .ints(let values)? = block.columns.first?.values else { continue }
                rows += values.map {
                    Row(epoch: record.header.epoch, position: record.header.position, value: $0)
                }
            }
        case nil: break
        }
    }

    /// Fetches until there is no more.
    mutating func pull(_ log: AgentLog) throws {
        while true {
            switch try fetch(log).state {
            case .caughtUp, .finished(nil): return
            default: continue
            }
        }
    }

    /// Says with the next fetch that all it has is on its disk.
    mutating func commit() {
        committed = (epoch, after)
    }
}
