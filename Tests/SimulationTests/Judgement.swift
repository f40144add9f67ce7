import Log
import Telemetry

/// Whether an archive holds exactly what it should, and its ledger says the truth of the rest.
struct Judgement {
    private(set) var problems: [String] = []
    private let archive: SimulatedArchive
    private let reading: ArchiveReading

    init(_ archive: SimulatedArchive, _ agents: [SimulatedAgent], _ reading: ArchiveReading) {
        self.archive = archive
        self.reading = reading
        checkRows(agents)
        for agent in agents {
            let entries = reading.ledger.filter {
                $0.instance == agent.name && $0.kind == .missing
            }
            checkEntries(Array(entries), of: agent)
            check(agent, Array(entries))
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

    /// Rows with positions name what can be missing, and nothing twice.
    private mutating func checkEntries(_ entries: [LedgerEntry], of agent: SimulatedAgent) {
        let named = entries.filter { $0.positions != nil && $0.epoch != nil }.sorted {
            ($0.epoch ?? 0, $0.first ?? 0) < ($1.epoch ?? 0, $1.first ?? 0)
        }
        for (entry, next) in zip(named, named.dropFirst()) {
            guard let positions = entry.positions, let following = next.positions,
                entry.epoch == next.epoch, positions.upperBound > following.lowerBound
            else { continue }
            problems.append("two rows name one position: \(entry) and \(next)")
        }
        for entry in named {
            guard let epoch = entry.epoch, let positions = entry.positions else { continue }
            if positions.upperBound - 1 > agent.positions[epoch] ?? 0 {
                problems.append("a row names what never was: \(entry)")
            }
            if let joined = archive.joined[agent.name],
                (epoch, positions.lowerBound) < (joined.epoch, joined.position)
            {
                problems.append("a row names what was before the archive joined: \(entry)")
            }
        }
    }

    /// What was published is there, or missing for a reason.
    private mutating func check(_ agent: SimulatedAgent, _ entries: [LedgerEntry]) {
        let present = Set(reading.rows.map(\.number))
        let all = agent.published.reduce(into: [Int64: Set<Excuse>]()) {
            $0[$1.admission.epoch, default: []].formUnion($1.excuses)
        }
        for record in agent.published {
            let place = record.admission
            let named = entries.filter {
                $0.epoch == place.epoch && $0.positions?.contains(place.position) ?? false
            }
            if present.contains(record.number) {
                if let entry = named.first {
                    problems.append("\(Self.name(record)) is there, and missing: \(entry)")
                }
                continue
            }
            guard let joined = archive.joined[agent.name],
                (joined.epoch, joined.position) <= (place.epoch, place.position), !record.isOpen,
                record.excuses.isDisjoint(with: Self.unknowable)
            else { continue }
            let reasons = named.isEmpty ? entries.filter { Self.covers($0, record) } : named
            // What hit the records around it may be told of it as well: a segment that a full
            // spool dropped may have been torn by a power cut before, and who asks then is told so.
            var excuses = all[place.epoch] ?? []
            if agent.cutEpochs.contains(place.epoch) { excuses.insert(.powerLoss) }
            let isExplained = reasons.contains { Self.isTrue($0.cause, excuses) }
            if isExplained, !record.excuses.isEmpty { continue }
            problems.append(
                "\(agent.name): \(Self.name(record)) is missing; may be by "
                    + "\(record.excuses), rows say \(reasons.map(\.cause))"
            )
        }
    }

    /// Why records may be missing without a row: the end of an epoch whose process was killed looks
    /// the same whether damage took its last record or that was never written, and a disk that was
    /// rolled back does not know what it had.
    private static let unknowable: Set<Excuse> = [.damage, .unreadable, .rolledBack]

    /// Whether a row that does not know how many are missing is about the record.
    private static func covers(_ entry: LedgerEntry, _ record: Published) -> Bool {
        guard entry.count == nil, entry.epoch.map({ $0 == record.admission.epoch }) ?? true else {
            return false
        }
        if let first = entry.first { return first <= record.admission.position }
        return entry.from <= record.time && record.time <= entry.to
    }

    /// Whether a cause is one of those that the simulation knows of.
    private static func isTrue(_ cause: String, _ excuses: Set<Excuse>) -> Bool {
        excuses.contains { excuse in
            switch excuse {
            case .spoolFull:
                // Less exact where the record that says so was dropped as well, and comes once
                // more later.
                cause == "spool full" || cause.hasPrefix("no longer in the log")
                    || cause == "damage in the spool"
            case .powerLoss: cause.hasPrefix("power loss")
            case .memory: cause.hasPrefix("kept in memory")
            case .failedSync: cause.contains("failed to sync") || cause.contains("damage")
            case .damage, .unreadable, .rolledBack: true
            }
        }
    }

    private static func name(_ record: Published) -> String {
        "record \(record.number) (\(record.admission.epoch):\(record.admission.position))"
    }
}
