extension Endpoint {
    /// Reads `host:port`, `[IPv6]:port`, or the host alone where `defaultPort` is given.
    static func parse(_ text: String, defaultPort: Int?) -> Quantity.Parsed<Endpoint> {
        let form = defaultPort == nil ? "`HOST:PORT`" : "`HOST` or `HOST:PORT`"
        var host = text[...]
        var port: Substring?
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            host = text[..<end].dropFirst()
            let tail = text[text.index(after: end)...]
            guard tail.isEmpty || tail.hasPrefix(":") else { return .wrong("expected \(form)") }
            port = tail.isEmpty ? nil : tail.dropFirst()
        } else if text.count(where: { $0 == ":" }) > 1 {
            guard defaultPort != nil else {
                return .wrong("an IPv6 address needs brackets. Write `[ADDRESS]:PORT`")
            }
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        guard isHost(host) else {
            return .wrong("expected \(form), a name or an address and a port")
        }
        guard let port else {
            guard let defaultPort else { return .wrong("the port is missing. Write \(form)") }
            return .value(Endpoint(host: String(host), port: defaultPort))
        }
        guard let number = Int(port), (0...65_535).contains(number), port.first != "+" else {
            return .wrong("the port has to be a number from 0 to 65535")
        }
        return .value(Endpoint(host: String(host), port: number))
    }

    /// Whether `text` has the letters of a host name or of an address.
    static func isHost(_ text: some StringProtocol) -> Bool {
        (1...253).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x3A, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x25: true
                default: false
                }
            }
    }

    /// Whether the host stands for all addresses of its machine.
    var isWildcard: Bool { host == "0.0.0.0" || host == "::" }

    /// Whether both hosts are written as the same address.
    static func sameAddress(_ left: String, _ right: String) -> Bool {
        normal(left) == normal(right)
    }

    /// The address as written by one who writes `localhost` as `127.0.0.1`.
    static func normal(_ host: String) -> String {
        host.lowercased() == "localhost" ? "127.0.0.1" : host.lowercased()
    }
}

extension SettingsReader {
    /// `host:port`; the port may be left out where `defaultPort` is given.
    public mutating func endpoint(
        _ key: String,
        default fallback: Endpoint? = nil,
        defaultPort: Int? = nil
    ) -> Endpoint {
        let harmless = Endpoint(host: "127.0.0.1", port: defaultPort ?? 0)
        return read(key, fallback, harmless: harmless, example: "HOST:PORT") { setting in
            guard let text = setting.text else { return .wrong("expected `HOST:PORT`") }
            return Endpoint.parse(text, defaultPort: defaultPort)
        }
    }

    /// A host name or an address, without a port.
    public mutating func host(_ key: String, default fallback: String? = nil) -> String {
        read(key, fallback, harmless: "127.0.0.1", example: "ADDRESS") { setting in
            guard let text = setting.text, Endpoint.isHost(text) else {
                return .wrong("expected a host name or an address")
            }
            guard text.count(where: { $0 == ":" }) != 1 else {
                return .wrong("expected a host name or an address without a port")
            }
            return .value(text)
        }
    }

    /// A port from 1 to 65,535, or 0 for any free one.
    mutating func port(_ key: String, default fallback: Int) -> Int {
        int(key, default: fallback, in: 0...65_535)
    }
}
