internal import AgentRuntime
internal import SiteConfig
internal import Telemetry

/// What the facts mean.
enum DoctorDiagnosis {
    /// The report, in the order of the topics.
    static func report(_ facts: DoctorFacts) -> DoctorReport {
        var findings = site(facts)
        findings += names(facts) + ports(facts) + keys(facts) + clock(facts) + disk(facts)
        findings += limits(facts) + page(facts) + versions(facts) + reach(facts)
        return DoctorReport(findings: findings)
    }

    /// The site file.
    static func site(_ facts: DoctorFacts) -> [DoctorFinding] {
        guard let site = facts.site else {
            return facts.problems.map {
                .bad(.site, $0, do: "mend it; `cerro config check` shows the same alone")
            }
        }
        let count = site.hosts.reduce(0) { $0 + $1.agents.count }
        let instances = HumanText.many(count, "instance", "instances")
        return [
            .ok(.site, "\(facts.siteFile): site \(site.name), \(instances), no problem")
        ] + idlers(of: site)
    }

    /// What keeps or reads the archive and begins with nothing: unlike an instrument, nobody
    /// thinks of starting it.
    private static func idlers(of site: Site) -> [DoctorFinding] {
        site.hosts.flatMap { host in
            host.agents.compactMap { entry in
                guard entry.manage == .keep, entry.start.isEmpty,
                    let kind = AgentClasses.all.first(where: { $0.name == entry.className }),
                    kind.sections.contains(.archive),
                    let duty = AgentClasses.make(kind, entry, on: host, of: site).agent.operations
                        .first(where: { $0.kind == .process })
                else { return nil }
                return .warning(
                    .site,
                    "\(entry.id) does nothing until somebody starts `\(duty.name)`, after each "
                        + "restart again: \(duty.help)",
                    do: "give it `start: [\(duty.name)]` in the site file; until then `cerro call "
                        + "\(entry.id) \(duty.name)`"
                )
            }
        }
    }

    /// Which host this is, and whether the addresses mean something here.
    static func names(_ facts: DoctorFacts) -> [DoctorFinding] {
        guard let site = facts.site else { return [] }
        var findings: [DoctorFinding] = []
        if let host = facts.host {
            findings.append(
                .ok(.names, "this machine, \(facts.machine), is host \(host.name) of the site")
            )
            findings += own(host, facts)
        } else {
            findings.append(
                .warning(
                    .names,
                    facts.hostProblem,
                    do: "name the host like the machine, or say `--host NAME` to this and to what "
                        + "runs it; on a machine that is no host this is fine"
                )
            )
        }
        for host in site.hosts where facts.resolved[host.address]?.isEmpty ?? false {
            findings.append(
                .bad(
                    .names,
                    "the address `\(host.address)` of host \(host.name) is not known here",
                    do: "write the number into the site file, or the name into DNS or /etc/hosts"
                )
            )
        }
        for name in site.reader.names where facts.resolved[name]?.isEmpty ?? false {
            findings.append(
                .warning(
                    .names,
                    "the reader is to be called `\(name)`, which is not known here",
                    do: "write the name into DNS or /etc/hosts, or take it out of `names` of the "
                        + "reader"
                )
            )
        }
        return findings
    }

    /// Whether sockets can be bound where the site file says.
    private static func own(_ host: Host, _ facts: DoctorFacts) -> [DoctorFinding] {
        let wanted = facts.resolved[host.bind] ?? []
        guard !wanted.isEmpty, wanted.isDisjoint(with: facts.addresses),
            !wanted.contains(where: isEverywhere)
        else { return [] }
        let known = facts.addresses.sorted().joined(separator: ", ")
        return [
            .bad(
                .names,
                "no interface of this machine has the address \(host.bind), at which host "
                    + "\(host.name) is to listen; there are \(known)",
                do: "give the interface that address, or correct `address` (or `bind`) of host "
                    + "\(host.name); or this is another host: say `--host NAME`"
            )
        ]
    }

    /// Whether an address stands for all of its machine, or all that the loopback interface has.
    static func isEverywhere(_ address: String) -> Bool {
        address == "0.0.0.0" || address == "::" || address.hasPrefix("127.")
    }

    /// The keys of this host.
    static func keys(_ facts: DoctorFacts) -> [DoctorFinding] {
        guard let site = facts.site else { return [] }
        guard let folder = site.keys else {
            return [.ok(.keys, "none are needed: all addresses of the site are on loopback")]
        }
        var findings: [DoctorFinding] = []
        let closed = facts.keys.filter(\.isClosed).map(\.owner)
        if !closed.isEmpty {
            findings.append(
                .warning(
                    .keys,
                    "those of \(closed.joined(separator: ", ")) in \(folder) are not for you to "
                        + "look at",
                    do: "look as who runs the instances: `sudo -u cerro cerro doctor`"
                )
            )
        }
        for key in facts.keys where !key.isClosed {
            guard let problem = key.problem else { continue }
            guard !key.isPersonal else {
                findings.append(
                    .warning(
                        .keys,
                        "you, \(key.owner), have none: \(problem)",
                        do: "`cerro keys new \(key.owner)` where access.yaml is kept; instances do "
                            + "without"
                    )
                )
                continue
            }
            findings.append(
                .bad(
                    .keys,
                    "\(key.owner): \(problem)",
                    do: "`cerro keys init` makes what is missing where access.yaml is kept; copy "
                        + "access.yaml, registry.key and the secret keys of this host to it"
                )
            )
        }
        let good = facts.keys.filter { $0.problem == nil }.count
        if good > 0 {
            findings.append(
                .ok(.keys, "\(good) in \(folder) are good, with modes that keep others out")
            )
        }
        return findings
    }

    /// What the reader's page needs.
    static func page(_ facts: DoctorFacts) -> [DoctorFinding] {
        guard let missing = facts.missingAssets else { return [] }
        guard missing.isEmpty else {
            return [
                .warning(
                    .page,
                    "the live monitor has no plots: \(missing.joined(separator: ", ")) "
                        + "cannot be read",
                    do: "apt install libjs-dygraphs"
                )
            ]
        }
        return [.ok(.page, "what the live monitor needs is here")]
    }

    /// What the system allows one process.
    static func limits(_ facts: DoctorFacts) -> [DoctorFinding] {
        guard facts.openFiles < Limits.openFiles else {
            return [.ok(.limits, "\(HumanText.count(Int64(facts.openFiles))) open files")]
        }
        return [
            .warning(
                .limits,
                "a process started here may open \(HumanText.count(Int64(facts.openFiles))) files "
                    + "and connections; \(HumanText.count(Int64(Limits.openFiles))) are enough for "
                    + "all that may connect",
                do: "LimitNOFILE=\(Limits.openFiles) in the unit, or `ulimit -Hn` in the shell, of "
                    + "what starts the instances"
            )
        ]
    }
}
