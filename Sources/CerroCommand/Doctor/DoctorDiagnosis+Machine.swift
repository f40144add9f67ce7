internal import SiteConfig
internal import Telemetry

extension DoctorDiagnosis {
    /// Who has the ports of this host.
    static func ports(_ facts: DoctorFacts) -> [DoctorFinding] {
        guard let host = facts.host else { return [] }
        var findings: [DoctorFinding] = []
        for port in facts.fixedPorts where port.port != 0 {
            findings.append(fixed(port, facts))
        }
        if host.ports == 0...0 {
            findings.append(.ok(.ports, "instances take any that are free"))
        } else if !facts.instances.isEmpty {
            findings.append(range(of: host, facts))
        }
        return findings
    }

    private static func fixed(
        _ port: DoctorFacts.FixedPort,
        _ facts: DoctorFacts
    ) -> DoctorFinding {
        let name = "\(port.port) of \(port.owner)"
        guard let holder = facts.listener(at: port.address, port.port) else {
            return .ok(.ports, "\(name) is free: nothing runs there yet")
        }
        if let process = holder.holder, facts.isOurs(process) {
            return .ok(.ports, "\(name) is held by process \(process.pid), its own")
        }
        // Whoever may not see the holder may still see that the registry answers.
        if holder.holder == nil, facts.registry != nil {
            return .ok(.ports, "\(name) is held by a process of somebody else, and the site lives")
        }
        return .bad(
            .ports,
            "\(name) is held by \(words(holder.holder))",
            do: "stop that, or write another port as `\(port.setting)`"
        )
    }

    private static func range(of host: Host, _ facts: DoctorFacts) -> DoctorFinding {
        let text = "\(host.ports.lowerBound)-\(host.ports.upperBound)"
        let strangers = host.ports.compactMap { facts.listener(at: host.bind, $0) }.filter {
            guard let process = $0.holder else { return facts.registry == nil }
            return !facts.isOurs(process)
        }
        // The registry's own port is apart; its announcements are in the range like any other's.
        let needed =
            facts.instances.count { $0 != Site.registryID } * 2
            + (facts.isRegistryHere ? 1 : 0)
        let free = host.ports.count - strangers.count
        let taken =
            strangers.prefix(4).map { "\($0.port) by \(words($0.holder))" }.joined(separator: ", ")
            + (strangers.count > 4 ? " and \(strangers.count - 4) more" : "")
        guard free >= needed else {
            return .bad(
                .ports,
                "\(free) of \(text) are left for host \(host.name), which needs \(needed); taken "
                    + "are \(taken.isEmpty ? "none" : taken)",
                do: "stop what takes them, or give the host a larger range: `ports: …`"
            )
        }
        guard strangers.isEmpty else {
            return .warning(
                .ports,
                "of \(text) somebody else takes \(taken); \(needed) are needed and \(free) left",
                do: "nothing now; move that process, or the range, before instances are added"
            )
        }
        return .ok(.ports, "\(text) are for host \(host.name) alone; it needs \(needed)")
    }

    private static func words(_ process: DoctorFacts.Process?) -> String {
        guard let process else { return "a process of somebody else (root can see which)" }
        let words = process.command.prefix(4).joined(separator: " ")
        return "process \(process.pid)" + (words.isEmpty ? "" : " (\(words))")
    }

    /// The clock of this machine, and those of the others against the registry's.
    static func clock(_ facts: DoctorFacts) -> [DoctorFinding] {
        let synchronising = "let chrony or systemd-timesyncd set it: `apt install chrony`"
        var findings: [DoctorFinding] = []
        switch facts.isClockSynchronised {
        case true?: findings.append(.ok(.clock, "this machine's clock is kept right"))
        case false?:
            findings.append(
                .warning(
                    .clock,
                    "nothing that the kernel knows of keeps this machine's clock right",
                    do: synchronising
                )
            )
        case nil: break
        }
        guard let registry = facts.registry else { return findings }
        if let offset = registry.clockOffset {
            findings.append(
                clock(
                    "this machine's clock",
                    .zero - offset,
                    known: registry.roundTrip / 2,
                    do: synchronising
                )
            )
        }
        // One line a host: all its instances have the same clock.
        var worst: [String: Duration] = [:]
        for row in registry.rows where row.state == .alive && row.host != facts.host?.name {
            if row.clockOffset.size >= worst[row.host, default: .zero].size {
                worst[row.host] = row.clockOffset
            }
        }
        for (host, offset) in worst.sorted(by: { $0.key < $1.key }) {
            findings.append(
                clock(
                    "the clock of host \(host)",
                    offset,
                    known: nil,
                    do: "there: " + synchronising
                )
            )
        }
        return findings
    }

    private static func clock(
        _ whose: String,
        _ lead: Duration,
        known: Duration?,
        do advice: String
    ) -> DoctorFinding {
        let bound = known.map { " (known to \(HumanText.duration($0)))" } ?? ""
        let text =
            "\(whose) is \(HumanText.duration(lead.size)) "
            + (lead < .zero ? "behind" : "ahead of") + " the registry's" + bound
        if lead.isClockTrouble {
            return .bad(.clock, text + ": its samples are kept and marked", do: advice)
        }
        return lead.size > Limits.clockDoubt
            ? .warning(.clock, text, do: advice) : .ok(.clock, text)
    }

    /// The disks of what is written on this host; folders on one disk share what is free.
    static func disk(_ facts: DoctorFacts) -> [DoctorFinding] {
        facts.folders.map { folder in
            let place = "the \(folder.purpose.rawValue) in \(folder.path)"
            if let problem = folder.problem {
                return .bad(
                    .disk,
                    "\(place) cannot be written by you: \(problem)",
                    do: "look as who runs the instances, `sudo -u cerro cerro doctor`; if that "
                        + "says the same: `install -d -o cerro \(folder.path)`"
                )
            }
            let free = HumanText.byteCount(folder.free) + " are free"
            if folder.isRemote, folder.purpose != .logs {
                return .bad(
                    .disk,
                    "\(place) is on NFS or SMB, where locks and fsync are promises",
                    do: "move it to a disk of this machine"
                )
            }
            let same = facts.folders.filter { $0.device == folder.device && $0.problem == nil }
            return room(folder, place, free, same)
        }
    }

    private static func room(
        _ folder: DoctorFacts.Folder,
        _ place: String,
        _ free: String,
        _ same: [DoctorFacts.Folder]
    ) -> DoctorFinding {
        let need = HumanText.byteCount(folder.need)
        if folder.purpose == .archive, folder.free < folder.need {
            return .bad(
                .disk,
                "\(place): \(free), and \(need) are its reserve: nothing more is fetched",
                do: "free space; the logs of the agents keep what follows until they are full"
            )
        }
        let all = same.reduce(0) { $0 + $1.need }
        guard folder.free >= all else {
            let who = same.map(\.purpose.rawValue).sorted().joined(separator: " and ")
            return .warning(
                .disk,
                "\(place): \(free), and what is there (\(who)) may need "
                    + HumanText.byteCount(all),
                do: "free space, make `spool: {size: …}` smaller, or give the archive a disk of "
                    + "its own"
            )
        }
        return .ok(.disk, "\(place): \(free), \(need) may be needed")
    }
}

extension DoctorFacts {
    /// Who keeps a socket from being bound at `port` of `address`.
    func listener(at address: String, _ port: Int) -> Listener? {
        let wanted = resolved[address] ?? [address]
        return listeners.first { listener in
            listener.port == port
                && (wanted.contains(listener.address)
                    || ["0.0.0.0", "::"].contains(listener.address)
                    || !wanted.isDisjoint(with: ["0.0.0.0", "::"]))
        }
    }
}
