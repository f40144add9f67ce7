/// The name and port by which somebody calls a server: `host`, `host:port`, `[address]:port`.
struct Authority {
    /// The name or address, without brackets.
    let host: Substring

    /// Reads a name; nil if it is none.
    init?(_ text: Substring) {
        var host = text
        var port = Substring()
        if host.hasPrefix("["), let end = host.firstIndex(of: "]") {
            port = host[host.index(after: end)...]
            host = host[host.index(after: host.startIndex)..<end]
        } else if let colon = host.firstIndex(of: ":") {
            port = host[colon...]
            host = host[..<colon]
        }
        let isNumber = port.dropFirst().utf8.allSatisfy { (0x30...0x39).contains($0) }
        guard port.isEmpty || (port.hasPrefix(":") && isNumber) else { return nil }
        self.host = host
    }

    /// Whether it is this machine.
    var isLoopback: Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        let isAddress = parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
        return host.lowercased() == "localhost" || host == "::1"
            || (isAddress && host.hasPrefix("127."))
    }
}
