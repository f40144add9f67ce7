internal import Telemetry

/// The translation of one OCS site file.
struct OCSConverter {
    /// What could not be mapped, or was guessed.
    private(set) var notes: [String] = []
    private var ids: Set<String> = ["registry"]
    private var hostNames: Set<String> = []
    /// The archive of the first aggregator, which becomes the site's.
    var archive: [(key: String, value: String)] = []
    /// Whether the site has its aggregator, and whether the host at hand needs a reader for it.
    var hasAggregator = false
    private var needsReader = false

    /// Returns the text of the whole file.
    mutating func convert(
        hub: Setting,
        hosts: [(key: String, place: Place, value: Setting)],
        root: Setting
    ) -> String {
        if case .map(let entries) = root.shape {
            for entry in entries where entry.key != "hub" && entry.key != "hosts" {
                note(entry.place, "\(Setting.quote(entry.key)) has no counterpart and is left out")
            }
        }
        let name = validName(hub["address_root"]?.text ?? "observatory")
        let registry = registryAddress(hub)
        let converted = hosts.map { self.host($0.key, $0.place, $0.value) }
        let addresses = [registry] + converted.map(\.address)
        // One range for all, as hosts with the same address may only have equal ones.
        let most = converted.map(\.agents.count).max() ?? 0
        let ports = 5561...(5560 + max(100, 2 * most))
        var lines = [
            "# Made from an OCS site file by `cerro config import`; read it through.",
            "site: \(Setting.scalar(name, quoted: false))",
            "registry: {address: \(Setting.scalar(registry, quoted: false)), port: 5560}",
        ]
        if addresses.contains(where: { !Endpoint(host: $0, port: 0).isLoopback }) {
            lines.append("keys: keys/")
            note(root.place, "hosts off loopback need keys: make them by `cerro keys init`")
            for (host, old) in zip(converted, hosts) where host.address == "127.0.0.1" {
                note(
                    old.place,
                    "host \(host.name) is on loopback, where other hosts cannot reach it: write "
                        + "its `address`"
                )
            }
        }
        if !archive.isEmpty {
            lines.append("archive:")
            lines += archive.map { "  \($0.key): \($0.value)" }
        }
        return (lines + ["hosts:"] + converted.map { $0.yaml(ports: ports) }).joined(
            separator: "\n"
        ) + "\n"
    }

    private mutating func registryAddress(_ hub: Setting) -> String {
        let server = hub["wamp_server"]
        if case .map(let entries) = hub.shape {
            let known = ["wamp_server", "wamp_http", "wamp_realm", "address_root"]
            for entry in entries where !known.contains(entry.key) {
                note(entry.place, "`hub: \(entry.key)` has no counterpart and is left out")
            }
        }
        let url = server?.text ?? ""
        let authority = url.drop { $0 != "/" }.drop { $0 == "/" }.prefix { $0 != "/" }
        guard case .value(let endpoint) = Endpoint.parse(String(authority), defaultPort: 0) else {
            note(hub.place, "`hub: wamp_server` names no host; the registry is put on 127.0.0.1")
            return "127.0.0.1"
        }
        let address = endpoint.host == "localhost" ? "127.0.0.1" : endpoint.host
        note(
            server?.place ?? hub.place,
            "there is no crossbar router: the registry is put on its host, \(address), port 5560"
        )
        return address
    }

    private mutating func host(
        _ label: String,
        _ place: Place,
        _ setting: Setting
    ) -> ImportedHost {
        let name = unique(validName(label), in: &hostNames)
        if name != label { note(place, "host \(Setting.quote(label)) is named \(name) here") }
        var host = ImportedHost(name: name, address: "127.0.0.1")
        if !Endpoint.isHost(label) || label.contains(":") {
            note(place, "the address of host \(name) is unknown; 127.0.0.1 stands there")
        } else if label != "localhost" {
            note(place, "the address of host \(name) is taken from its name: check it")
            host.address = label
        }
        needsReader = false
        if case .map(let entries) = setting.shape {
            for entry in entries {
                if entry.key == "agent-instances" {
                    guard case .list(let instances) = entry.value.shape else { continue }
                    host.agents += instances.compactMap { agent($0) }
                } else {
                    note(
                        entry.place,
                        "\(Setting.quote(entry.key)) of host \(name) has no counterpart and is "
                            + "left out"
                    )
                }
            }
        }
        if needsReader {
            host.agents.append(ImportedAgent(className: "Reader", id: unique("reader", in: &ids)))
            note(
                place,
                "an agent of class Reader was added beside the aggregator; it answers queries"
            )
        }
        return host
    }

    private mutating func agent(_ setting: Setting) -> ImportedAgent? {
        guard let oldClass = setting["agent-class"]?.text, let oldId = setting["instance-id"]?.text
        else {
            note(setting.place, "an instance without `agent-class` or `instance-id` is left out")
            return nil
        }
        if let reason = Self.dropped(oldClass) {
            note(setting.place, "\(oldClass) \(Setting.quote(oldId)) is left out: \(reason)")
            return nil
        }
        let id = unique(validName(oldId), in: &ids)
        if id != oldId {
            note(setting.place, "the instance \(Setting.quote(oldId)) has the id \(id) here")
        }
        if case .map(let entries) = setting.shape {
            let known = ["agent-class", "instance-id", "arguments", "manage"]
            for entry in entries where !known.contains(entry.key) {
                note(entry.place, "\(Setting.quote(entry.key)) of \(id) is left out")
            }
        }
        var arguments = OCSArguments(setting["arguments"])
        var agent = ImportedAgent(className: validName(Self.stripped(oldClass)), id: id)
        agent.manage = manage(setting["manage"], id)
        for word in arguments.ignored {
            note(word.place, "the argument \(word.found) of \(id) has no effect and is left out")
        }
        switch oldClass {
        case "FakeDataAgent": convertFakeData(&arguments, &agent)
        case "Lakeshore372Agent": convertLakeshore372(&arguments, &agent)
        case "AggregatorAgent": convertAggregator(&arguments, &agent, place: setting.place)
        default:
            note(
                setting.place,
                "Cerro has no class \(agent.className) yet; \(id) keeps its arguments as a map"
            )
            agent.arguments = arguments.flags.map { flag in
                (Setting.scalar(flag.name, quoted: false), Self.value(of: flag))
            }
            return agent
        }
        for flag in arguments.flags {
            note(flag.place, "`--\(flag.name)` of \(id) has no counterpart and is left out")
        }
        return agent
    }

    private mutating func manage(_ setting: Setting?, _ id: String) -> Management {
        guard let setting, let word = setting.text else { return .keep }
        if word.hasPrefix("docker") {
            note(setting.place, "\(id) ran in Docker; `cerro up` runs it as a process")
        }
        switch word {
        case "host/down", "down", "docker/down": return .manual
        case "ignore", "no": return .ignore
        case "host/up", "host", "up", "yes", "docker/up", "docker": return .keep
        default:
            note(setting.place, "`manage: \(word)` is unknown; \(id) is kept running")
            return .keep
        }
    }

    private static func dropped(_ oldClass: String) -> String? {
        switch oldClass {
        case "HostManager", "HostManagerAgent": "`cerro host run` manages the instances of a host"
        case "RegistryAgent": "the registry starts with `cerro host run` on its host"
        case "InfluxDBAgent", "InfluxDBAgentv2":
            "plots come from the archive, through the reader's HTTP"
        case "AccessDirector", "AccessDirectorAgent": "keys and roles are in `access.yaml`"
        default: nil
        }
    }

    private static func stripped(_ oldClass: String) -> String {
        oldClass.hasSuffix("Agent") && oldClass != "Agent"
            ? String(oldClass.dropLast("Agent".count)) : oldClass
    }

    private static func value(of flag: OCSArguments.Flag) -> String {
        switch flag.values.count {
        case 0: "true"
        case 1: flag.values[0].flow
        default: Setting(.list(flag.values), at: flag.place).flow
        }
    }

    /// Adds a note about something at `place`.
    mutating func note(_ place: Place, _ text: String) { notes.append("\(place): note: \(text)") }

    /// Remembers that the host has an aggregator and so gets a reader.
    mutating func askForReader() { needsReader = true }

    /// The name with all that is not allowed replaced by `-`.
    private func validName(_ text: String) -> String {
        let mapped = text.unicodeScalars.prefix(Name.longest - 8).map { scalar in
            Name.isValid("a" + String(scalar)) ? Character(scalar) : "-"
        }
        let name = String(mapped.drop { $0 == "-" })
        return Name.isValid(name) ? name : "unnamed"
    }

    private func unique(_ name: String, in taken: inout Set<String>) -> String {
        var candidate = name
        var number = 2
        while !taken.insert(candidate).inserted {
            candidate = "\(name)-\(number)"
            number += 1
        }
        return candidate
    }
}
