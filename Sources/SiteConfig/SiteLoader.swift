internal import Telemetry

/// Turns the tree of a site file into a site, and keeps all that is wrong on the way.
struct SiteLoader {
    private let file: String
    private let folder: String
    /// What was wrong.
    private(set) var problems: [SiteProblem] = []

    /// A loader of `file`, whose relative paths start at `folder`.
    init(file: String, folder: String) {
        self.file = file
        self.folder = folder
    }

    /// Reads the whole file; wrong settings have harmless values in the result.
    mutating func site(_ root: Setting) -> Site {
        var reader = SettingsReader(root, owner: "", folder: folder)
        if reader.has("hub"), !reader.has("site") {
            problems.append(
                SiteProblem(
                    root.place,
                    "this looks like the site file of OCS. Turn it into one of Cerro by `cerro "
                        + "config import \(file)`"
                )
            )
            return Site(
                name: "",
                registry: .standard,
                keys: nil,
                archive: .standard(folder: folder),
                reader: .standard,
                spool: .standard(folder: folder),
                hosts: [],
                file: file,
                folder: folder,
                essence: "",
                essences: [:]
            )
        }
        let site = Site(
            name: reader.name("site"),
            registry: .read(from: &reader, default: .standard),
            keys: reader.has("keys") ? reader.path("keys") : nil,
            archive: .read(from: &reader, default: .standard(folder: folder)),
            reader: .read(from: &reader, default: .standard),
            spool: .read(from: &reader, default: .standard(folder: folder)),
            hosts: hosts(&reader),
            file: file,
            folder: folder,
            essence: ["registry", "keys", "spool"].map { root[$0]?.essence ?? "" }
                .joined(separator: ","),
            essences: [.archive: root["archive"]?.essence, .reader: root["reader"]?.essence]
                .compactMapValues(\.self)
        )
        _ = reader.setting("keys")
        problems += reader.finish()
        var checks = SiteChecks(site, root)
        problems += checks.run()
        return site
    }

    private mutating func hosts(_ reader: inout SettingsReader) -> [Host] {
        guard let setting = reader.setting("hosts") else {
            guard reader.isMap else { return [] }
            reader.wrong("hosts", "is missing. Write `hosts:` and below it `NAME: {address: …}`")
            return []
        }
        guard case .map(let entries) = setting.shape, !entries.isEmpty else {
            reader.wrong(
                "hosts",
                "is \(setting.found); expected a map with an entry for each host"
            )
            return []
        }
        return entries.map { entry in
            if !Name.isValid(entry.key) {
                problems.append(
                    SiteProblem(
                        entry.place,
                        "\(Setting.quote(entry.key)) cannot name a host; use \(Name.rule)"
                    )
                )
            }
            return host(entry.key, entry.value)
        }
    }

    private mutating func host(_ name: String, _ setting: Setting) -> Host {
        var reader = SettingsReader(setting, owner: "host \(name)", folder: folder)
        let address = reader.host("address")
        let bind = reader.host("bind", default: address)
        let ports = reader.ports("ports", default: 5561...5660)
        var agents: [AgentEntry] = []
        if let list = reader.setting("agents") {
            switch list.shape {
            case .null: break
            case .list(let entries): agents = entries.map { agent($0) }
            case .scalar, .map:
                reader.wrong("agents", "is \(list.found); expected a list, `- class: …` each")
            }
        }
        problems += reader.finish()
        return Host(
            name: name,
            address: address,
            bind: bind,
            ports: ports,
            agents: agents,
            essence: setting.essence(without: ["agents"])
        )
    }

    private mutating func agent(_ setting: Setting) -> AgentEntry {
        let owner = setting["id"].flatMap(\.shown).map { "agent \($0)" }
        var reader = SettingsReader(setting, owner: owner ?? "an agent", folder: folder)
        let className = reader.name("class")
        let id = reader.name("id")
        if id == Site.registryID {
            reader.wrong(
                "id",
                "is `registry`; that is the id of the registry itself. Choose another"
            )
        }
        let start = start(&reader)
        let manage = reader.choice(
            "manage",
            of: Management.allCases.map(\.rawValue),
            default: Management.keep.rawValue
        )
        let arguments = reader.setting("arguments")
        if case .list = arguments?.shape {
            reader.wrong("arguments", "is a list; expected a map. Write `arguments: {KEY: VALUE}`")
        } else if case .scalar = arguments?.shape {
            reader.wrong("arguments", "is no map. Write `arguments: {KEY: VALUE}`")
        }
        problems += reader.finish()
        return AgentEntry(
            className: className,
            id: id,
            start: start,
            manage: Management(rawValue: manage) ?? .keep,
            arguments: arguments.flatMap(\.mapOrNull) ?? Setting(.map([]), at: setting.place),
            place: setting.place,
            essence: setting.essence(without: ["manage"]),
            classPlace: setting["class"]?.place ?? setting.place,
            idPlace: setting["id"]?.place ?? setting.place
        )
    }

    private func start(_ reader: inout SettingsReader) -> [StartEntry] {
        guard let setting = reader.setting("start") else { return [] }
        switch setting.shape {
        case .null: return []
        case .scalar:
            let name = setting.shown ?? "OPERATION"
            reader.wrong("start", "is \(setting.found); expected a list. Write `start: [\(name)]`")
            return []
        case .map:
            reader.wrong("start", "is a map; expected a list. Write `start: [{OPERATION: {…}}]`")
            return []
        case .list(let elements):
            var started: Set<String> = []
            return elements.compactMap { element in
                let (entry, problem) = Self.startEntry(element)
                guard let entry else {
                    reader.add([SiteProblem(element.place, problem)])
                    return nil
                }
                if !started.insert(entry.operation).inserted {
                    let twice = "the operation \(Setting.quote(entry.operation)) is started twice"
                    reader.add([SiteProblem(element.place, "\(twice). Keep one of the two")])
                }
                return entry
            }
        }
    }

    /// An operation's name, or a map of one name to the parameters.
    private static func startEntry(_ setting: Setting) -> (StartEntry?, problem: String) {
        let form = "expected the name of an operation or `{OPERATION: {PARAMETER: VALUE}}`"
        switch setting.shape {
        case .scalar(let name, _) where Name.isValid(name):
            return (StartEntry(operation: name, parameters: [:], place: setting.place), "")
        case .map(let entries):
            guard let entry = entries.first, entries.count == 1, Name.isValid(entry.key) else {
                return (nil, "an entry of `start` has \(entries.count) keys; \(form)")
            }
            switch entry.value.shape {
            case .null:
                return (StartEntry(operation: entry.key, parameters: [:], place: setting.place), "")
            case .map:
                let parameters = entry.value.value.map ?? [:]
                return (
                    StartEntry(operation: entry.key, parameters: parameters, place: setting.place),
                    ""
                )
            case .list, .scalar:
                return (
                    nil,
                    "the parameters of `\(entry.key)` are \(entry.value.found); expected a map"
                )
            }
        case .scalar, .list, .null:
            return (nil, "an entry of `start` is \(setting.found); \(form)")
        }
    }
}

extension Setting {
    /// The node if it is a map or empty.
    fileprivate var mapOrNull: Setting? {
        switch shape {
        case .map, .null: self
        case .scalar, .list: nil
        }
    }
}

extension SettingsReader {
    /// A name by the rule for names.
    fileprivate mutating func name(_ key: String) -> String {
        read(key, nil, harmless: "", example: "NAME") { setting in
            guard let text = setting.text, Name.isValid(text) else {
                return .wrong("use \(Name.rule)")
            }
            return .value(text)
        }
    }

    /// A range of ports such as `5561-5660`, one port, or 0 for any free ones.
    fileprivate mutating func ports(
        _ key: String,
        default fallback: ClosedRange<Int>
    ) -> ClosedRange<Int> {
        read(key, fallback, harmless: fallback, example: "5561-5660") { setting in
            let form = "expected a range of ports. Write for example `\(key): 5561-5660`"
            guard let text = setting.text else { return .wrong(form) }
            let parts = text.split(separator: "-", omittingEmptySubsequences: false)
            let numbers = parts.compactMap { part in
                Int(part.drop { $0 == " " }.prefix { $0 != " " })
            }
            guard numbers.count == parts.count, let first = numbers.first, let last = numbers.last,
                numbers.count <= 2
            else { return .wrong(form) }
            if numbers == [0] { return .value(0...0) }
            guard (1...65_535).contains(first), (1...65_535).contains(last) else {
                return .wrong("ports are from 1 to 65535, or `0` alone for any free ones")
            }
            guard first <= last else {
                return .wrong("the range runs backwards. Write `\(key): \(last)-\(first)`")
            }
            return .value(first...last)
        }
    }
}
