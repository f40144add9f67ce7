internal import AgentClient
internal import Archive
internal import Foundation
internal import SiteConfig
internal import Telemetry

/// One part of a site fails while agents publish: what is lost, and when all of it is caught up.
struct FaultBench: Sendable {
    /// What fails.
    enum Fault: String, CaseIterable, Sendable {
        /// The aggregator is killed, and started again after the time.
        case killed
        /// The aggregator stands still for the time.
        case stalled
        /// The registry is killed, and started again after the time.
        case registry
        /// The archive's disk is full for the time.
        case disk

        /// What a report calls it.
        var name: String {
            switch self {
            case .killed: "aggregator killed and restarted"
            case .stalled: "aggregator stalled"
            case .registry: "registry away"
            case .disk: "archive's disk full"
            }
        }

        /// How long it lasts unless somebody says otherwise, in seconds.
        var seconds: Double {
            switch self {
            case .killed: 5
            case .stalled: 40
            case .registry, .disk: 20
            }
        }
    }

    let fault: Fault
    let load: BenchLoad
    let seconds: Double
    let rate: Double
    let folder: String?
    /// A folder on a disk that may be filled, for ``Fault/disk``.
    let smallDisk: String?

    /// Loads a site of its own, lets the fault happen and counts what the archive's readers find.
    func run() async throws -> BenchReport {
        var settings = load.settings(parent: folder)
        settings.rotate = "10 s"
        settings.spool = "1 GiB"
        guard fault == .disk else {
            return try await BenchSite.with(settings) { try await measure($0, nil) }
        }
        guard let smallDisk else {
            throw CommandFailure(.usage, "the fault `disk` needs --small-disk")
        }
        let archive = smallDisk + "/cerro-bench-\(UUID().uuidString)"
        settings.archive = archive
        defer { try? FileManager.default.removeItem(atPath: archive) }
        return try await BenchSite.with(settings) { try await measure($0, archive) }
    }

    private func measure(_ site: BenchSite, _ elsewhere: String?) async throws -> BenchReport {
        let archive = elsewhere ?? site.folder + "/archive"
        let time = SystemTimeSource()
        var watch = CommitWatch(folder: archive, time: time)
        try await load.start(on: site, rate: rate)
        try await time.sleep(for: Limits.benchWarmUp)
        try await happen(site, archive, time)
        let healed = time.monotonic
        let published = try await load.stop(on: site, &watch)
        try await watch.waitUntilQuiet()
        let caughtUp = max((watch.lastGrowth ?? healed) - healed, .zero)
        let store = try ArchiveStore(ArchiveDirectory(archive), holder: "cerro bench")
        var tallies: [String: RowTally] = [:]
        for source in load.sources { tallies[source] = try tally(source, store) }
        let rows = try store.gaps(in: Timestamp(nanoseconds: 0)..<Timestamp(nanoseconds: .max))
        let account = load.account(tallies, published)
        let bytes = watch.byteCount
        return BenchReport(
            name:
                "fault: \(fault.name) (\(HumanText.duration(.nanoseconds(Int64(seconds * 1e9)))))",
            samples: [caughtUp.inSeconds],
            unit: "s until all is committed",
            isRate: false,
            lost: account.lost,
            doubled: account.doubled,
            floors: [
                BenchReport.Floor(
                    name: "append and fdatasync of as many bytes as the fault held up",
                    median: bytes * seconds / (seconds + Limits.benchWarmUp.inSeconds)
                        / (try DiskFloor.bytesPerSecond(in: site.folder, total: Int(bytes)))
                )
            ],
            details: [
                "messages": published.values.reduce(0) { $0 + Double($1) },
                "ledger_rows": Double(rows.count),
            ]
        )
    }

    private func happen(
        _ site: BenchSite,
        _ archive: String,
        _ time: SystemTimeSource
    ) async throws {
        let pause = Duration.nanoseconds(Int64(seconds * 1e9))
        switch fault {
        case .killed, .registry:
            let name = fault == .killed ? "aggregator" : Site.registryID
            await site.kill(name)
            try await time.sleep(for: pause)
            try site.start(name)
        case .stalled:
            site.signal("aggregator", SIGSTOP)
            defer { site.signal("aggregator", SIGCONT) }
            try await time.sleep(for: pause)
        case .disk:
            let ballast = try Ballast(in: archive)
            defer { ballast.remove() }
            try await time.sleep(for: pause)
        }
    }

    private func tally(_ source: String, _ store: ArchiveStore) throws -> RowTally {
        let slice = try store.timeline(
            instance: source,
            feed: "load",
            fields: ["n"],
            range: Timestamp(nanoseconds: 0)..<Timestamp(nanoseconds: .max)
        )
        var tally = RowTally()
        guard case .ints(let numbers)? = slice.columns.first?.values else { return tally }
        for number in numbers { tally.add(number) }
        return tally
    }
}

/// A file that takes all the space that a disk has left.
private struct Ballast {
    private let path: String

    /// Fills the disk of `folder`, but for what its writers are faster to take.
    init(in folder: String) throws(CommandFailure) {
        path = folder + "/ballast"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure(.failed, "\(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var piece = [UInt8](repeating: 0x55, count: 1 << 20)
        var total = 0
        while !piece.isEmpty {
            let count = write(descriptor, piece, piece.count)
            if count > 0 {
                total += count
            } else {
                piece.removeLast(piece.count - piece.count / 2)
            }
            guard total < Limits.benchBallast else {
                remove()
                throw CommandFailure(
                    .failed,
                    "\(folder) has more room than \(Limits.benchBallast >> 30) GiB: give the "
                        + "bench a smaller disk, `mount -t tmpfs -o size=3g tmpfs FOLDER`"
                )
            }
        }
    }

    func remove() { unlink(path) }
}
