import CerroTesting

/// What happens to an agent's host or to an archive's, at one step of a schedule.
enum Fault: Hashable {
    /// kill -9; back after so many steps.
    case kill(away: Int)
    /// The process ends in order; back after so many steps.
    case close(away: Int)
    /// kill -9 at the n-th change of the disk from now.
    case die(after: Int, away: Int)
    /// The host loses its power, and its disk what was not synced.
    case powerCut(away: Int)
    /// The disk misbehaves for so many steps.
    case disk(SimulatedDisk.Mood, steps: Int)
    /// SIGSTOP for so many steps of a second.
    case stall(steps: Int)
    /// The wall clock is set.
    case clock(Jump)
    /// A backup of the disk is taken.
    case backup
    /// The machine starts again with the last backup on its disk.
    case rollBack(away: Int)
    /// One bit of one file flips.
    case bitFlip
    /// One bit of one file flips, or the file is cut while the process is away; any file of a
    /// spool, any journal or sealed file of an archive.
    case rot(isCut: Bool, away: Int)
    /// The network to everybody is gone for so many steps.
    case partition(steps: Int)
    /// A feed is declared anew, with another type.
    case declare
    /// So many records at once.
    case burst(Int)
    /// The archive is lost and forgotten, and another one takes its place.
    case replace

    enum Jump: Hashable, CaseIterable {
        case right, in1970, in2100, hourAhead, hourBehind
    }
}

/// Whom a fault concerns.
enum Target: Hashable {
    case agent(Int), archive(Int)
}

/// One run of a simulation, in full: the same schedule gives the same run.
struct Schedule {
    struct Entry: Hashable {
        let step: Int, target: Target, fault: Fault
    }

    /// What is drawn once and holds for the run.
    struct Site: Hashable {
        var agents = 1, archives = 1, steps = 100
        /// Bytes of a spool and of one of its segments.
        var spool = 1 << 20, segment = 1 << 12
        /// Bytes of one segment of the journal, and the seconds after which it is cut.
        var journal = 1 << 14, rotate = 20
        /// Messages in a hundred that are lost, come twice, come late.
        var lost = 0, doubled = 0, late = 0
        /// The most bytes of one answer.
        var batch = 1 << 12
    }

    /// From this seed on files rot as well: smaller ones are what they were before that.
    static let rotting: UInt64 = 1 << 41

    let seed: UInt64
    var site = Site()
    var entries: [Entry] = []

    /// The schedule of a seed.
    init(seed: UInt64) {
        self.seed = seed
        var random = SeededGenerator(seed: seed)
        site.agents = 1 + random.below(3) * random.below(2)
        site.archives = 1 + random.below(2)
        site.steps = 40 + random.below(80)
        site.spool = [1 << 20, 1 << 20, 12 << 10, 4 << 10][random.below(4)]
        site.segment = 400 + random.below(3000)
        site.journal = 3000 + random.below(30_000)
        site.rotate = 1 + random.below(60)
        site.lost = random.below(3) * random.below(15)
        site.doubled = random.below(2) * random.below(15)
        site.late = random.below(2) * random.below(30)
        site.batch = 200 + random.below(1 << 13)
        let count = random.below(14)
        for _ in 0..<count {
            let target: Target =
                random.below(3) < 2
                ? .agent(random.below(site.agents)) : .archive(random.below(site.archives))
            let fault = Self.fault(of: target, &random)
            entries.append(Entry(step: random.below(site.steps), target: target, fault: fault))
        }
        if seed >= Self.rotting {
            for _ in 0...random.below(4) { entries.append(rot(&random)) }
        }
        entries.sort { $0.step < $1.step }
    }

    private func rot(_ random: inout SeededGenerator) -> Entry {
        let target: Target =
            random.below(2) == 0
            ? .agent(random.below(site.agents)) : .archive(random.below(site.archives))
        let fault = Fault.rot(isCut: random.below(3) == 0, away: random.below(6))
        return Entry(step: random.below(site.steps), target: target, fault: fault)
    }

    private static func fault(of target: Target, _ random: inout SeededGenerator) -> Fault {
        let away = random.below(12)
        let steps = 1 + random.below(10)
        switch random.below(20) {
        case 0..<3: return .kill(away: away)
        case 3: return .close(away: away)
        case 4..<6: return .die(after: random.below(40), away: away)
        case 6..<9: return .powerCut(away: away)
        case 9..<13: return .disk(mood(&random), steps: steps)
        case 13: return .stall(steps: 4 * steps)
        case 14: return .clock(Fault.Jump.allCases[random.below(Fault.Jump.allCases.count)])
        case 15: return .partition(steps: steps)
        case 16: return .bitFlip
        case 17: return .burst(20 * steps)
        case 18:
            if case .archive = target { return .replace }
            return .declare
        default:
            if case .archive = target { return .powerCut(away: away) }
            return random.below(2) == 0 ? .backup : .rollBack(away: away)
        }
    }

    private static func mood(_ random: inout SeededGenerator) -> SimulatedDisk.Mood {
        switch random.below(8) {
        case 0: .full()
        case 1: .full(after: random.below(4000))
        case 2: .broken
        case 3: .unreadable
        case 4: .short(random.below(400))
        case 5, 6: .failsToSync
        default: .fails(after: random.below(10))
        }
    }
}

extension Schedule {
    /// A schedule with as few faults and steps as still make it fail, found by leaving out.
    func shrunk(_ fails: (Schedule) async -> Bool) async -> Schedule {
        var best = self
        var isSmaller = true
        while isSmaller {
            isSmaller = false
            for index in best.entries.indices.reversed() {
                var shorter = best
                shorter.entries.remove(at: index)
                guard await fails(shorter) else { continue }
                best = shorter
                isSmaller = true
            }
        }
        for smaller in best.smallerSites where await fails(smaller) { best = smaller }
        return best
    }

    /// The same faults at simpler sites, each simpler than the one before.
    private var smallerSites: [Schedule] {
        var sites: [Schedule] = []
        var schedule = self
        schedule.site.lost = 0
        schedule.site.doubled = 0
        schedule.site.late = 0
        sites.append(schedule)
        schedule.site.steps = (entries.map(\.step).max() ?? 0) + 3
        sites.append(schedule)
        return sites
    }
}

extension Schedule: CustomStringConvertible {
    /// The site, then one line a fault.
    var description: String {
        ([
            "seed \(seed): \(site.agents) agents, \(site.archives) archives, \(site.steps) steps; "
                + "spool \(site.spool) by \(site.segment) bytes, journal \(site.journal) bytes or "
                + "\(site.rotate) s, answers of \(site.batch) bytes; of 100 messages "
                + "\(site.lost) lost, \(site.doubled) doubled, \(site.late) late"
        ]
            + entries.map { "  step \($0.step): \($0.target) \($0.fault)" }).joined(separator: "\n")
    }
}
