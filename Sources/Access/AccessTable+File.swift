public import SiteConfig
internal import Telemetry
internal import ZeroMQ

extension AccessTable {
    /// Reads the text of `access.yaml`; `file` is its name for messages.
    ///
    /// - Throws: `SiteError.invalid` with all that is wrong in it.
    public static func read(_ text: String, file: String) throws(SiteError) -> AccessTable {
        try SettingsReader.read(text, file: file) { reader in
            var seen = Seen()
            let instances = reader.sections("instances") { entry -> Member? in
                guard let name = entry.name("id"), let key = entry.publicKey("key") else {
                    entry.skip(["key", "vouches", "archives", "grants"])
                    return nil
                }
                let duties = AccessTable.Member.Duty.allCases.filter {
                    entry.bool($0.rawValue, default: false)
                }
                seen.note(name, key, &entry, "id")
                let grants = entry.has("grants") ? entry.grants() : []
                return Member(
                    name: name,
                    key: key,
                    kind: .instance(Set(duties)),
                    grants: grants
                )
            }
            let people = reader.sections("people") { entry -> Member? in
                guard let name = entry.name("name"), let key = entry.publicKey("key") else {
                    entry.skip(["key", "grants"])
                    return nil
                }
                seen.note(name, key, &entry, "name")
                return Member(name: name, key: key, kind: .person, grants: entry.grants())
            }
            let tokens = reader.sections("tokens") { entry in
                Token(
                    id: entry.string("id"),
                    name: entry.name("name") ?? "",
                    hash: entry.string("hash"),
                    expires: entry.has("expires") ? entry.instant("expires") : nil,
                    grants: entry.grants()
                )
            }
            let revoked = reader.sections("revoked") { entry -> Revocation? in
                let name = entry.string("name")
                let at = entry.instant("at")
                guard let key = entry.publicKey("key"), let at else { return nil }
                return Revocation(name: name, key: key, at: at)
            }
            for (section, count) in [
                ("instances", instances.count), ("people", people.count),
                ("tokens", tokens.count), ("revoked", revoked.count),
            ] where count > AccessLimits.mostEntries {
                reader.reject(
                    section,
                    "`\(section)` has \(count) entries; \(AccessLimits.mostEntries) are possible"
                )
            }
            return AccessTable(
                members: (instances + people).compactMap(\.self),
                tokens: tokens,
                revocations: revoked.compactMap(\.self)
            )
        }
    }

    /// The text of `access.yaml`, which ``read(_:file:)`` reads back.
    public var text: String {
        let instances = members.filter(\.isInstance).map { member in
            let duties = Member.Duty.allCases.filter(member.has)
                .map { ", \($0.rawValue): true" }.joined()
            let grants = member.grants.isEmpty ? "" : ", grants: \(Self.text(member.grants))"
            return "  - {id: \(member.name), key: \(member.key)\(duties)\(grants)}"
        }
        let people = members.filter { !$0.isInstance }.map { member in
            "  - name: \(member.name)\n    key: \(member.key)\n    grants: "
                + Self.text(member.grants)
        }
        let tokens = tokens.map { token in
            let end = token.expires.map { "\n    expires: \"\($0)\"" } ?? ""
            return "  - id: \"\(token.id)\"\n    name: \(token.name)\n    hash: \"\(token.hash)\""
                + "\(end)\n    grants: \(Self.text(token.grants))"
        }
        let revoked = revocations.map { entry in
            "  - {name: \(entry.name), key: \(entry.key), at: \"\(entry.at)\"}"
        }
        let head = """
            # Who belongs to this site and what each may do; page Security of target Access tells
            # more. `cerro keys` writes this file and keeps no comments. Each process reads it again
            # when it changes. Give every host the same one. It holds no secrets.
            """
        let sections = [
            ("instances", instances), ("people", people), ("tokens", tokens), ("revoked", revoked),
        ]
        return ([head] + sections.map(Self.section)).joined(separator: "\n") + "\n"
    }

    private static func section(_ name: String, _ entries: [String]) -> String {
        entries.isEmpty ? "\(name): []" : "\(name):\n" + entries.joined(separator: "\n")
    }

    private static func text(_ grants: [Grant]) -> String {
        let all = ["*"]
        let each = grants.map { grant in
            let instances = grant.instances == all ? "" : ", instances: \(text(grant.instances))"
            let operations =
                grant.operations == all ? "" : ", operations: \(text(grant.operations))"
            return "{role: \(grant.role.rawValue)\(instances)\(operations)}"
        }
        return "[\(each.joined(separator: ", "))]"
    }

    private static func text(_ patterns: [String]) -> String {
        "[" + patterns.map { "\"\($0)\"" }.joined(separator: ", ") + "]"
    }
}

/// The names and keys that a file has given out so far.
private struct Seen {
    private var names: Set<String> = []
    private var keys: [PublicKey: String] = [:]

    mutating func note(
        _ name: String,
        _ key: PublicKey,
        _ entry: inout SettingsReader,
        _ nameKey: String
    ) {
        if !names.insert(name).inserted {
            entry.reject(nameKey, "the name `\(name)` is taken: names and ids are unique")
        }
        if let other = keys.updateValue(name, forKey: key) {
            entry.reject("key", "`\(other)` has the same key: each has one of its own")
        }
    }
}

extension SettingsReader {
    /// A name by `Name.rule`; nil where it is none, which is a problem.
    fileprivate mutating func name(_ key: String) -> String? {
        guard has(key) else {
            _ = string(key)
            return nil
        }
        let text = string(key)
        guard Name.isValid(text) else {
            if !text.isEmpty { reject(key, "`\(key)` is no name: \(Name.rule)") }
            return nil
        }
        return text
    }

    /// A public key; nil where it is none, which is a problem.
    fileprivate mutating func publicKey(_ key: String) -> PublicKey? {
        guard has(key) else {
            _ = string(key)
            return nil
        }
        let text = string(key)
        if let found = PublicKey(text) { return found }
        if !text.isEmpty {
            reject(key, "`\(key)` is no public key: 64 hexadecimal digits")
        }
        return nil
    }

    fileprivate mutating func grants() -> [Grant] {
        if !has("grants") {
            reject("grants", "`grants` is missing. Write `grants: [{role: observe}]`")
        }
        return sections("grants") { grant in
            let role = grant.choice("role", of: Role.allCases.map(\.rawValue))
            return Grant(
                role: Role(rawValue: role) ?? .observe,
                instances: grant.patterns("instances"),
                operations: grant.patterns("operations")
            )
        }
    }

    private mutating func patterns(_ key: String) -> [String] {
        let found = strings(key, default: ["*"])
        for pattern in found where !Name.isValid(pattern.replacing("*", with: "x")) {
            reject(key, "`\(key)`: a pattern is a name in which `*` may stand for anything")
        }
        return found
    }

    /// Marks keys as known that are not looked at, as the entry is wrong anyway.
    fileprivate mutating func skip(_ keys: [String]) { for key in keys { _ = setting(key) } }
}
