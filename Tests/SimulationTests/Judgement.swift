import Log
import Telemetry

/// Whether an archive holds exactly what it should, and its ledger says the truth of the rest.
///
/// The places (instance, epoch, position) of what can be read are those of what `publish` took;
/// of what is not there every place is in a row of the ledger, with a cause that was one. Where
/// nobody can know that something was there, no row is asked for: see ``isKnowable(_:)``.
struct Judgement {
    private(set) var problems: [String] = []
    private let archive: SimulatedArchive
    private let reading: ArchiveReading
    private let isSealed: Bool
    private let present: Set<Int64>

    init(
        _ archive: SimulatedArchive,
        _ agents: [SimulatedAgent],
        _ reading: ArchiveReading,
        isSealed: Bool
    ) {
        self.archive = archive
        self.isSealed = isSealed
        self.reading = reading
        present = Set(reading.rows.map(\.number))
        checkRows(agents)
        for agent in agents {
            let rows = reading.ledger.filter { $0.instance == agent.name && $0.kind == .missing }
            let account = Account(rows)
            checkRows(account, of: agent)
            check(agent, account)
        }
    }

    /// Every row was published, is there once, and says what was published.
    private mutating func checkRows(_ agents: [SimulatedAgent]) {
        var published: [Int64: (String, Published)] = [:]
        for agent in agents {
            for record in agent.published { published[record.number] = (agent.name, record) }
        }
        var seen: Set<Int64> = []
        for row in reading.rows {
            guard let (instance, record) = published[row.number] else {
                problems.append("\(row) was never published")
                continue
            }
            let value: Column.Values =
                record.feed.fields[1].type == .int
                ? .ints([row.number * 2]) : .doubles([Double(row.number) / 2])
            if row.instance != instance || row.feed != record.feed.name
                || row.time != record.time.nanoseconds || row.value != value
            {
                problems.append("\(row) is not what was published: \(record)")
            }
            if !seen.insert(row.number).inserted {
                problems.append("record \(Self.name(record)) of \(instance) is there twice")
            }
        }
    }

    /// Rows name what can be missing, nothing twice, and causes that there were.
    private mutating func checkRows(_ account: Account, of agent: SimulatedAgent) {
        for (row, next) in zip(account.named, account.named.dropFirst())
        where row.epoch == next.epoch && row.positions.overlaps(next.positions) {
            problems.append("two rows name one position: \(row.entry) and \(next.entry)")
        }
        for row in account.named {
            if row.positions.upperBound - 1 > agent.positions[row.epoch] ?? 0 {
                problems.append("a row names what never was: \(row.entry)")
            }
            // Damage may have taken what tells where the archive joined.
            if !archive.hitFiles.contains(where: { row.entry.cause.contains(archive.shortened($0)) }
            ),
                let met = archive.met[agent.name],
                (row.epoch, row.positions.lowerBound) < (met.epoch, met.position)
            {
                problems.append("a row names what was before the archive joined: \(row.entry)")
            }
        }
        for entry in account.entries {
            let isPower = entry.cause.hasPrefix("power loss")
            if isPower, entry.epoch ?? 0 > agent.lastCutEpoch {
                problems.append("\(agent.name) never lost its power then: \(entry)")
            }
            if entry.cause.contains("rolled back"), entry.epoch ?? 0 > agent.lastRolledBackEpoch {
                problems.append("\(agent.name) was not rolled back then: \(entry)")
            }
        }
    }

    /// What was published is there, or missing for a reason.
    private mutating func check(_ agent: SimulatedAgent, _ account: Account) {
        guard let joined = archive.joined[agent.name] else { return }
        var ends: [Int64: Int64] = [:]
        for record in agent.published where present.contains(record.number) {
            let place = record.admission
            ends[place.epoch] = max(ends[place.epoch] ?? 0, place.position)
        }
        for row in account.named {
            ends[row.epoch] = max(ends[row.epoch] ?? 0, row.positions.upperBound - 1)
        }
        for record in agent.published {
            let place = record.admission
            let named = account.row(place.epoch, place.position)
            if present.contains(record.number) {
                if let named {
                    problems.append("\(Self.name(record)) is there, and missing: \(named)")
                }
                continue
            }
            guard (joined.epoch, joined.position) <= (place.epoch, place.position), !record.isOpen,
                isKnowable(record, end: ends[place.epoch])
            else { continue }
            let reasons =
                named.map { [$0] } ?? account.open.filter { Self.covers($0, record, ends) }
            var excuses = record.excuses
            // What hit a segment before a full spool dropped it, who asks then is told.
            // So is who asks for what damage took from the end of an epoch.
            if place.epoch <= agent.lastCutEpoch,
                !excuses.isDisjoint(with: [.spoolFull, .damage, .unreadable])
            {
                excuses.insert(.powerLoss)
            }
            if reasons.contains(where: { Self.isTrue($0.cause, excuses) }) { continue }
            if isTold(record, agent, reasons, ends) { continue }
            problems.append(
                "\(agent.name): \(Self.name(record)) is missing; may be by "
                    + "\(record.excuses), rows say \(reasons.map(\.cause))"
            )
        }
    }

    /// Whether damage to the archive's own files that took a record is told, or what told of it.
    ///
    /// What was in its journal is asked for once more; a sealed file that cannot be opened, and a
    /// chunk that cannot be read, are rows of whoever reads them. What follows in a journal behind
    /// a declaration that was hit stays unreadable. How much is missing behind the end of a journal
    /// is told when it is sealed.
    private func isTold(
        _ record: Published,
        _ agent: SimulatedAgent,
        _ reasons: [LedgerEntry],
        _ ends: [Int64: Int64]
    ) -> Bool {
        guard !archive.hitFiles.isEmpty else { return false }
        if archive.hitAgain.contains(record.number) { return true }
        if reading.damage.contains(where: {
            $0.isAbout(agent.name, record.feed.name, record.time.nanoseconds)
        }) {
            return true
        }
        let lost = archive.hitLedger.contains {
            $0.instance == agent.name && $0.kind == .missing
                && ($0.positions?.contains(record.admission.position) ?? true)
                && Self.covers($0, record, ends)
        }
        if lost || archive.hit.contains(record.number) {
            return !isSealed
                || reasons.contains {
                    $0.cause.contains("damage") || $0.cause.hasPrefix("no longer in the log")
                        || $0.cause.hasPrefix("unreadable")
                }
        }
        return reasons.contains { row in
            row.cause.hasPrefix("unreadable")
                || archive.hitFiles.contains { row.cause.contains(archive.shortened($0)) }
        }
    }

    /// Whether anybody can know that a record is missing.
    ///
    /// A disk that was rolled back does not know what it had, and an archive only of epochs that
    /// it had begun to fetch, up to `end`. The end of an epoch whose process was killed looks the
    /// same whether damage took its last record or that was never written. And nobody tells what
    /// was dropped where damage has taken the record that tells it.
    private func isKnowable(_ record: Published, end: Int64?) -> Bool {
        if record.isUntold { return false }
        if record.excuses.contains(.damage) { return record.admission.position < end ?? 0 }
        if record.excuses.contains(.rolledBack) { return end != nil }
        return true
    }

    /// Whether a row that does not know how many are missing is about the record.
    ///
    /// Where the tables of a spool or a journal were damaged, or a spool had let go of epochs, it
    /// speaks of all of them as far as the next one of which something is known.
    private static func covers(
        _ entry: LedgerEntry,
        _ record: Published,
        _ ends: [Int64: Int64]
    ) -> Bool {
        let place = record.admission
        guard let epoch = entry.epoch, let first = entry.first else {
            // What damage took from a journal came then, and was published before.
            return (entry.from <= record.time || entry.cause.hasPrefix("damage: "))
                && record.time <= entry.to
        }
        if epoch == place.epoch { return first <= place.position }
        let isWide =
            entry.cause.contains("tables") || entry.cause.hasPrefix("no longer in the log: ")
            || entry.cause.hasPrefix("damage: ")
        guard isWide, epoch < place.epoch else { return false }
        let known = ends.keys.filter { $0 > epoch }.min() ?? .max
        // The row itself says how far, where loss records tell of some of them.
        return place.epoch < known || Timestamp(nanoseconds: place.epoch) < entry.to
    }

    /// Whether a cause is one of those that the simulation knows of.
    private static func isTrue(_ cause: String, _ excuses: Set<Excuse>) -> Bool {
        excuses.contains { excuse in
            switch excuse {
            case .spoolFull:
                // Less exact where the record that says so was dropped as well, and comes once
                // more later.
                cause == "spool full" || cause.hasPrefix("no longer in the log")
            case .powerLoss: cause.hasPrefix("power loss")
            case .memory: cause.hasPrefix("kept in memory")
            case .failedSync: cause.contains("failed to sync") || cause.contains("damage")
            case .forgotten: cause.hasPrefix("no longer in the log")
            case .damage:
                // What was left of a damaged segment may have been dropped since.
                cause.contains("damage") || cause.contains("unreadable")
                    || cause == "no longer in the log"
            case .unreadable:
                // What nobody could read may be dropped, and nobody knows what it was.
                cause.contains("damage") || cause.contains("unreadable")
                    || cause.hasPrefix("no longer in the log")
            case .rolledBack:
                // A log cannot tell an old state of its disk from one whose process died then.
                cause.contains("rolled back") || cause.hasPrefix("power loss")
                    || cause.hasPrefix("kept in memory") || cause == "no longer in the log"
            }
        }
    }

    private static func name(_ record: Published) -> String {
        "record \(record.number) (\(record.admission.epoch):\(record.admission.position))"
    }
}

/// What an archive's ledger says of one instance.
private struct Account {
    struct Named {
        let epoch: Int64
        let positions: Range<Int64>
        let entry: LedgerEntry
    }

    let entries: Set<LedgerEntry>
    /// The rows that name positions, in their order; those that do not say how many are missing.
    let named: [Named], open: [LedgerEntry]

    init(_ entries: Set<LedgerEntry>) {
        self.entries = entries
        named = entries.compactMap { entry in
            guard let epoch = entry.epoch, let positions = entry.positions else { return nil }
            return Named(epoch: epoch, positions: positions, entry: entry)
        }.sorted { ($0.epoch, $0.positions.lowerBound) < ($1.epoch, $1.positions.lowerBound) }
        open = entries.filter { $0.count == nil }
    }

    /// The row that names a position.
    func row(_ epoch: Int64, _ position: Int64) -> LedgerEntry? {
        named.first { $0.epoch == epoch && $0.positions.contains(position) }?.entry
    }
}
