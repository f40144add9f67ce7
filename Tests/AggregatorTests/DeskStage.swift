import ArchiveFormat
import CerroTesting
import Log
import Telemetry

@testable import Aggregator
@testable import Archive

/// One archive and the log of one instance, on disks and clocks in memory.
struct DeskStage {
    let disk: SimulatedDisk
    private let spool = SimulatedDisk()
    let time = ManualTimeSource()
    var directory: ArchiveDirectory { ArchiveDirectory("/archive", disk: disk) }
    private let feed = Feed(
        "positions",
        fields: [Field("position", .int), Field("padding", .string)]
    )

    /// Disks whose power cuts follow from `seed`.
    init(seed: UInt64 = 0) {
        disk = SimulatedDisk(seed: seed)
    }

    /// A new process that records.
    func desk(
        _ settings: JournalSettings = .init(),
        reserve: Int = 0,
        time: (any TimeSource)? = nil
    ) throws -> JournalDesk {
        try JournalDesk(
            directory: directory,
            settings: settings,
            reserve: reserve,
            holder: "test",
            time: time ?? self.time
        )
    }

    /// A journal that is well.
    func status() -> JournalStatus {
        JournalStatus(
            records: 0,
            bytes: 0,
            unsealed: 0,
            waiting: 0,
            failures: 0,
            behind: .zero,
            isCaughtUp: true,
            clockLead: .zero
        )
    }

    /// Another life of `alpha`, the next one where there was one before: a declaration, and records
    /// that hold their own positions.
    func log(
        records: Int,
        settings: AgentLog.Settings = .init(),
        after predecessor: AgentLog? = nil
    ) async throws -> AgentLog {
        await predecessor?.close()
        let log = try AgentLog(
            folder: "/spool",
            instance: "alpha",
            settings: settings,
            disk: spool,
            time: time,
            bootID: "test",
            isDriven: true
        )
        try log.admit(feed)
        try publish(2..<(Int64(records) + 2), to: log)
        return log
    }

    /// Publishes records that hold their own positions.
    @discardableResult
    func publish(
        _ positions: Range<Int64>,
        padding: Int = 0,
        dated offset: Duration = .zero,
        to log: AgentLog
    ) throws -> [Admission] {
        var admissions: [Admission] = []
        let text = String(repeating: "x", count: padding)
        for position in positions {
            time.jump(by: .milliseconds(100))
            let block = Block(
                timestamps: [time.now + offset],
                columns: [.ints([position]), .strings([text])]
            )
            while true {
                if let admission = try log.admit(feed, block) {
                    admissions.append(admission)
                    break
                }
                _ = log.work()
            }
        }
        _ = log.work()
        return admissions
    }

    /// Pulls until there is no more.
    func pullAll(
        of log: AgentLog,
        into desk: JournalDesk,
        maxBytes: Int = 1 << 20,
        clockLead: Duration = .zero
    ) throws {
        while let request = desk.request(of: "alpha", maxBytes: maxBytes) {
            let answer = log.fetch(request)
            let next = try desk.take(
                answer,
                to: request,
                of: "alpha",
                clockLead: clockLead
            )
            if next != .atOnce, answer.count == 0 { return }
        }
    }

    /// What the archive holds by its files, sorted.
    func positions() throws -> [Int64] { try contents().positions.sorted() }

    /// The ledger by its files.
    func ledger() throws -> [LedgerEntry] { try contents().ledger }

    /// What the sealed files say that they cover, in order of creation.
    func receivedRanges() throws -> [ClosedRange<Timestamp>] {
        try directory.files().filter { $0.kind == .sealed }.map { file in
            let footer = try SealedFile.open(directory.full(file), disk: disk).footer
            return footer.receivedFrom...footer.receivedTo
        }
    }

    /// Seals all that is there, so that the files tell, and reads them.
    private func contents() throws -> (positions: [Int64], ledger: [LedgerEntry]) {
        try Sealer(directory: directory, time: time).sealAll(openSegment: nil)
        var positions: [Int64] = []
        var ledger: [LedgerEntry] = []
        for file in try directory.files() where file.kind == .sealed {
            let sealed = try SealedFile.open(directory.full(file), disk: disk)
            ledger += sealed.footer.ledger
            for timeline in sealed.footer.timelines {
                let all = Timestamp(nanoseconds: .min)..<Timestamp(nanoseconds: .max)
                let rows = try sealed.columns(timeline, fields: [0], range: all)
                if case .ints(let values) = rows.columns[0].values { positions += values }
            }
        }
        return (positions, ledger)
    }
}
