internal import SiteConfig
internal import Telemetry

extension DoctorDiagnosis {
    /// Which versions of Cerro and of the site file are about.
    static func versions(_ facts: DoctorFacts) -> [DoctorFinding] {
        guard let site = facts.site, let registry = facts.registry else { return [] }
        let alive = registry.rows.filter { $0.state == .alive && !$0.version.isEmpty }
        var findings: [DoctorFinding] = []
        let others = Dictionary(grouping: alive) { $0.version }
        for (version, rows) in others.sorted(by: { $0.key < $1.key }) {
            let who = names(of: rows)
            guard version != facts.version else {
                findings.append(.ok(.versions, "\(version), as this program, is run by \(who)"))
                continue
            }
            guard areNeighbours(version, facts.version) else {
                findings.append(
                    .warning(
                        .versions,
                        "\(version) is run by \(who), and this program is \(facts.version): only "
                            + "neighbouring versions are made to work together",
                        do: "install the same package on all hosts, one version after the other"
                    )
                )
                continue
            }
            findings.append(
                .ok(.versions, "\(version), a neighbour of \(facts.version), is run by \(who)")
            )
        }
        let older = alive.filter { row in
            guard !row.siteHash.isEmpty, let hash = AgentClasses.hash(of: row.instance, at: site)
            else { return false }
            return row.siteHash != hash
        }
        if !older.isEmpty {
            findings.append(
                .warning(
                    .versions,
                    "another site file than \(facts.siteFile) is run by \(names(of: older))",
                    do: "copy the site file to all hosts, then restart those instances"
                )
            )
        }
        return findings
    }

    /// Whether programs of both versions are made to work on one bus: their first numbers are
    /// equal, and the second ones next to each other.
    static func areNeighbours(_ left: String, _ right: String) -> Bool {
        func numbers(_ text: String) -> [Int] { text.split(separator: ".").compactMap { Int($0) } }
        let (left, right) = (numbers(left), numbers(right))
        guard left.count > 1, right.count > 1 else { return false }
        return left[0] == right[0] && abs(left[1] - right[1]) <= 1
    }

    /// Whether everybody of the site answers, and can be reached from here.
    static func reach(_ facts: DoctorFacts) -> [DoctorFinding] {
        guard let site = facts.site else { return [] }
        guard let registry = facts.registry else { return [unreachable(facts)] }
        var findings: [DoctorFinding] = []
        let expected = Set(site.hosts.flatMap(\.agents).filter { $0.manage == .keep }.map(\.id))
        let missing = registry.rows.filter {
            $0.state == .missing && expected.contains($0.instance)
        }
        for (host, rows) in Dictionary(grouping: missing, by: \.host).sorted(by: { $0.key < $1.key }
        ) {
            findings.append(
                .bad(
                    .reach,
                    "\(names(of: rows)) of host \(host) have not come since the registry began",
                    do: "on host \(host): `systemctl status cerro-host`, or `cerro up`; then "
                        + "`cerro doctor` there"
                )
            )
        }
        for row in registry.rows where row.state == .silent {
            findings.append(
                .bad(
                    .reach,
                    "no heartbeat of \(row.instance), which was process \(row.pid) on host "
                        + row.host,
                    do: "look whether host \(row.host) and the network live; `cerro logs "
                        + "\(row.instance)` there tells why it ended"
                )
            )
        }
        for socket in facts.handshakes {
            guard let problem = socket.problem else { continue }
            findings.append(
                .bad(
                    .reach,
                    "\(socket.instance) on host \(socket.host) does not let this machine in at "
                        + "\(socket.endpoint): \(problem)",
                    do: "open the `ports` of host \(socket.host) in the firewalls between, and "
                        + "see that its `address` leads there from here"
                )
            )
        }
        let good = facts.handshakes.filter { $0.problem == nil }.count
        if good > 0 {
            findings.append(.ok(.reach, "\(good) sockets of the site let this machine in"))
        }
        return findings
    }

    /// The registry does not answer: on its own host it may just not be started yet.
    private static func unreachable(_ facts: DoctorFacts) -> DoctorFinding {
        guard let site = facts.site else { return .ok(.reach, "") }
        let place = "\(site.registry.address):\(site.registry.port)"
        let isIdle = facts.listener(at: site.registry.address, site.registry.port) == nil
        if facts.isRegistryHere, isIdle {
            return .warning(
                .reach,
                "the registry belongs to this host and does not run: nobody else was asked",
                do: "`systemctl start cerro-host`, or `cerro up`; then again `cerro doctor`"
            )
        }
        return .bad(
            .reach,
            "the registry at \(place) cannot be asked: \(facts.registryProblem)",
            do: "`cerro doctor` on the registry's host; from here `nc -vz "
                + "\(site.registry.address) \(site.registry.port)` shows what the network does"
        )
    }

    private static func names(of rows: [InstanceRow]) -> String {
        let names = rows.map(\.instance).sorted()
        let more = names.count - 6
        return names.prefix(6).joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
    }
}
