// What tells that somebody runs by another version of the site file: of the parts of it that the
// instance reads, so that a change elsewhere in the file concerns nobody else.

extension Site {
    /// A part of the file that only some classes of agents read.
    public enum Section: String, CaseIterable, Sendable {
        /// `archive`.
        case archive
        /// `reader`.
        case reader
    }

    /// A checksum of what an instance reads in the file; nil where the site has no such instance.
    ///
    /// It is a fact of what is written: neither layout, comments and the order of keys change it,
    /// nor what the environment holds, nor `manage`, which is for the host's manager.
    ///
    /// 64-bit FNV-1a as 16 hexadecimal digits: it finds differences, and is no protection against
    /// somebody who makes them.
    ///
    /// - Parameters:
    ///   - id: an instance of the file, the registry, or a host's manager.
    ///   - sections: what its class reads beside its entry, its host and what is everybody's.
    /// - Returns: the checksum.
    public func hash(of id: String, reading sections: Set<Section> = []) -> String? {
        let own: [String]
        if id == Self.registryID {
            own = hosts.filter(hasRegistry).map(\.essence)
        } else if let host = host(managedBy: id) {
            own = [host.name, host.essence]
        } else if let (host, entry) = instance(id) {
            own = [host.name, host.essence, entry.essence]
        } else {
            return nil
        }
        let read = Section.allCases.filter(sections.contains).map { essences[$0] ?? "" }
        return Self.fingerprint(of: ([name, essence] + own + read).joined(separator: "\n"))
    }

    /// The checksum of a text.
    ///
    /// Source: G. Fowler, L. C. Noll, K.-P. Vo, D. Eastlake, "The FNV Non-Cryptographic Hash
    /// Algorithm", RFC 9923, the 64-bit variant 1a.
    static func fingerprint(of text: String) -> String {
        let hash = text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { hash, byte in
            (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension Setting {
    /// What is written there, whatever its layout; variables by their names, since what the
    /// environment holds may be a secret.
    var essence: String { essence(without: []) }

    /// The same without some keys of a map.
    func essence(without keys: Set<String>) -> String {
        switch shape {
        case .null: return "null"
        case .scalar(let text, let quoted):
            let text = written ?? text
            return quoted ? "\"\(text.utf8.count):\(text)\"" : "\(text.utf8.count):\(text)"
        case .list(let elements):
            return "[" + elements.map(\.essence).joined(separator: ",") + "]"
        case .map(let entries):
            let members = entries.filter { !keys.contains($0.key) }
                .map { "\($0.key.utf8.count):\($0.key)=\($0.value.essence)" }
            return "{" + members.sorted().joined(separator: ",") + "}"
        }
    }
}
