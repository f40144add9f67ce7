/// Turns the site file of an OCS observatory into one of Cerro, once.
///
/// What has a counterpart is translated, what has none is kept or dropped, and each of these is
/// noted: the result is a beginning that a person reads through.
public enum OCSImport {
    /// Returns the site file and the notes about what could not be mapped.
    ///
    /// The file loads with ``Site/load(text:file:folder:environment:check:)``; agents whose class
    /// Cerro does not have stay in it, so that checking the classes names them.
    ///
    /// - Parameters:
    ///   - text: the YAML text of the OCS file; both forms of `arguments` are read.
    ///   - file: the file's name for messages.
    /// - Returns: the YAML text, and notes such as `default.yaml:12:7: note: …`.
    /// - Throws: ``SiteError/invalid(_:)`` if the text is no YAML or no OCS site file.
    public static func convert(
        text: String,
        file: String
    ) throws(SiteError) -> (yaml: String, notes: [String]) {
        var parser = SettingParser(file: file, environment: nil)
        let root = parser.parse(text)
        guard let root, parser.problems.isEmpty else {
            throw .invalid(parser.problems.inFileOrder)
        }
        guard case .map(let hosts) = root["hosts"]?.shape, let hub = root["hub"], !hosts.isEmpty
        else {
            let message = "this is no site file of OCS: it needs the maps `hub` and `hosts`"
            throw .invalid([SiteProblem(root.place, message)])
        }
        var converter = OCSConverter()
        let yaml = converter.convert(hub: hub, hosts: hosts, root: root)
        return (yaml, converter.notes)
    }
}

/// A host on its way from one file to the other.
struct ImportedHost {
    var name: String
    var address: String
    var agents: [ImportedAgent] = []

    /// The entry of the site file.
    func yaml(ports: ClosedRange<Int>) -> String {
        let head = [
            "  \(Setting.scalar(name, quoted: false)):",
            "    address: \(Setting.scalar(address, quoted: false))",
            "    ports: \(ports.lowerBound)-\(ports.upperBound)",
        ]
        let tail = agents.isEmpty ? [] : ["    agents:"] + agents.map(\.yaml)
        return (head + tail).joined(separator: "\n")
    }
}

/// An agent on its way from one file to the other.
struct ImportedAgent {
    var className: String
    var id: String
    var start: [String] = []
    var manage = Management.keep
    var arguments: [(key: String, value: String)] = []

    /// The entry of the site file, indented to stand in a host's `agents`.
    var yaml: String {
        var lines = [
            "      - class: \(Setting.scalar(className, quoted: false))",
            "        id: \(Setting.scalar(id, quoted: false))",
        ]
        if !start.isEmpty { lines.append("        start: [\(start.joined(separator: ", "))]") }
        if manage != .keep { lines.append("        manage: \(manage.rawValue)") }
        if !arguments.isEmpty {
            lines.append("        arguments:")
            lines += arguments.map { "          \($0.key): \($0.value)" }
        }
        return lines.joined(separator: "\n")
    }
}
