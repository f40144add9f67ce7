/// The checks that need more than one setting: ids, addresses and ports that get in each other's
/// way, and sockets off loopback without keys.
struct SiteChecks {
    private let site: Site
    private let root: Setting
    private var problems: [SiteProblem] = []

    /// The checks of `site`, which was read from `root`.
    init(_ site: Site, _ root: Setting) {
        self.site = site
        self.root = root
    }

    /// Runs all of them.
    mutating func run() -> [SiteProblem] {
        checkIds()
        checkKeys()
        checkTokens()
        checkHostPorts()
        checkFixedPorts()
        return problems
    }

    private mutating func checkIds() {
        var first: [String: (place: Place, host: String)] = [:]
        for host in site.hosts {
            for entry in host.agents where !entry.id.isEmpty {
                if let managed = site.host(managedBy: entry.id) {
                    add(
                        nil,
                        entry.idPlace,
                        "the instance id `\(entry.id)` is that of the manager of host "
                            + "\(managed.name), and ids are unique at a site. Rename the instance"
                    )
                } else if let other = first[entry.id] {
                    add(
                        nil,
                        entry.idPlace,
                        "the instance id `\(entry.id)` is taken: \(other.place) (host "
                            + "\(other.host)) has it too, and ids are unique at a site. Rename "
                            + "one of the two"
                    )
                } else {
                    first[entry.id] = (entry.idPlace, host.name)
                }
            }
        }
    }

    /// A socket off loopback does not open without CURVE.
    private mutating func checkKeys() {
        guard site.keys == nil else { return }
        var open: [(what: String, keys: [String])] = []
        if !isLoopback(site.registry.address) {
            open.append(("the registry", ["registry", "address"]))
        }
        for host in site.hosts {
            if !isLoopback(host.address) {
                open.append(("host \(host.name)", ["hosts", host.name, "address"]))
            } else if !isLoopback(host.bind) {
                open.append(("host \(host.name)", ["hosts", host.name, "bind"]))
            }
        }
        guard let first = open.first else { return }
        let more = open.count - 4
        let who = open.prefix(4).map(\.what) + (more > 0 ? ["\(more) hosts more"] : [])
        add(
            setting(first.keys),
            root.place,
            "\(who.joined(separator: ", ")) would be reachable off loopback, and the site has no "
                + "`keys`: nobody could be told from anybody. Write `keys: keys/` and make them by "
                + "`cerro keys init`"
        )
    }

    /// Whoever asks a reader with TLS shows a token, and tokens are kept with the keys.
    private mutating func checkTokens() {
        guard site.reader.tls != nil, site.keys == nil else { return }
        add(
            setting(["reader", "tls"]),
            root.place,
            "`tls` of `reader` lets in who has a token, and the site has no `keys`, beside which "
                + "tokens are kept. Write `keys: keys/`, then `cerro keys init` and `cerro token "
                + "new NAME`"
        )
    }

    private mutating func checkHostPorts() {
        var ranges: [String: [ClosedRange<Int>: String]] = [:]
        for host in site.hosts where host.ports != 0...0 {
            // Each agent binds two sockets.
            let needed = (host.agents.count + 1) * 2
            if needed > host.ports.count {
                add(
                    setting(["hosts", host.name, "ports"]),
                    root.place,
                    "host \(host.name) has \(host.agents.count) agents and its manager, which "
                        + "need \(needed) ports; `ports` has \(host.ports.count)"
                )
            }
            var others = ranges[Endpoint.normal(host.address)] ?? [:]
            for (ports, other) in others.sorted(by: { $0.key.lowerBound < $1.key.lowerBound })
            where ports != host.ports && ports.overlaps(host.ports) {
                add(
                    setting(["hosts", host.name, "ports"]),
                    root.place,
                    "the ports \(text(host.ports)) of host \(host.name) overlap \(text(ports)) "
                        + "of host \(other), which has the same address. Make them equal or apart"
                )
            }
            others[host.ports] = others[host.ports] ?? host.name
            ranges[Endpoint.normal(host.address)] = others
        }
    }

    /// The registry's and the reader's ports are theirs alone.
    private mutating func checkFixedPorts() {
        let registry = Endpoint(host: site.registry.address, port: site.registry.port)
        let listen = site.reader.listen
        if registry.port != 0, registry.port == listen.port, meets(listen, registry.host) {
            add(
                setting(["reader", "listen"]) ?? setting(["registry", "port"]),
                root.place,
                "the reader's HTTP and the registry have the same port \(registry.port) of the "
                    + "same address. Change one of them"
            )
        }
        for host in site.hosts {
            if Endpoint.sameAddress(host.address, registry.host),
                host.ports.contains(registry.port), registry.port != 0
            {
                add(
                    setting(["registry", "port"]) ?? setting(["hosts", host.name, "ports"]),
                    root.place,
                    "the registry's port \(registry.port) lies within \(text(host.ports)), the "
                        + "`ports` of host \(host.name) at the same address. Move one of them"
                )
            }
            if meets(listen, host.address), host.ports.contains(listen.port), listen.port != 0 {
                add(
                    setting(["reader", "listen"]) ?? setting(["hosts", host.name, "ports"]),
                    root.place,
                    "the reader's port \(listen.port) lies within \(text(host.ports)), the "
                        + "`ports` of host \(host.name) at the same address. Move one of them"
                )
            }
        }
    }

    /// Whether `listen` and a socket at `address` want the same address.
    private func meets(_ listen: Endpoint, _ address: String) -> Bool {
        if !listen.isWildcard { return Endpoint.sameAddress(listen.host, address) }
        return site.hosts.contains { host in
            Endpoint.sameAddress(host.address, address)
                && host.agents.contains { $0.className == "Reader" }
        }
    }

    private func isLoopback(_ address: String) -> Bool {
        Endpoint(host: address, port: 0).isLoopback
    }

    private func text(_ ports: ClosedRange<Int>) -> String {
        "\(ports.lowerBound)-\(ports.upperBound)"
    }

    private func setting(_ keys: [String]) -> Setting? {
        keys.reduce(root as Setting?) { $0?[$1] }
    }

    private mutating func add(_ setting: Setting?, _ fallback: Place, _ message: String) {
        problems.append(SiteProblem(setting?.place ?? fallback, message))
    }
}
