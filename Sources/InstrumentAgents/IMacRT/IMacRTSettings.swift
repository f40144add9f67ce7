internal import AgentRuntime
internal import SiteConfig
internal import Telemetry

extension IMacRTAgent {
    /// The class `IMacRT` of the site file.
    static let agentClass = AgentClass(
        "IMacRT",
        summary: "iMACRT modules over UDP: MMR3 thermometers, MGC3 regulation"
    ) { settings, context in
        IMacRTAgent(Configuration(from: &settings), time: context.time)
    }
}

extension IMacRTAgent.Configuration {
    /// Reads `mmr3`, `mgc3`, `local-port`, `channels`, `loops`, `pace`, `timeout` and `period`.
    init(from settings: inout SettingsReader) {
        self.init(
            mmr3: Self.module("mmr3", &settings),
            mgc3: Self.module("mgc3", &settings),
            localPort: settings.int("local-port", default: 12_000, in: 0...65_535),
            channels: settings.distinctInts("channels", default: [1, 2, 3], in: 1...3),
            loops: settings.distinctInts("loops", default: [0, 1, 2], in: 0...2),
            timeout: settings.duration(
                "timeout",
                default: .seconds(1),
                in: .milliseconds(100)...Duration.seconds(10)
            ),
            pace: settings.duration(
                "pace",
                default: .milliseconds(50),
                in: .zero...Duration.seconds(1)
            )
        )
        if mmr3 == nil, mgc3 == nil {
            settings.reject("mmr3", "is absent, and `mgc3` too; name at least one of them")
        }
        period = settings.duration(
            "period",
            default: max(.seconds(1), shortestPeriod),
            in: shortestPeriod...Duration.seconds(3600),
            because: "since one pass over its channels takes \(shortestPeriod.inSeconds) s"
        )
    }

    /// A module's address; its port follows from the last number of the address.
    private static func module(_ key: String, _ settings: inout SettingsReader) -> Endpoint? {
        let absent = Endpoint(host: "", port: 0)
        var endpoint = settings.endpoint(key, default: absent, defaultPort: 0)
        guard endpoint != absent else { return nil }
        if endpoint.host == "localhost" { endpoint.host = "127.0.0.1" }
        let octets = endpoint.host.split(separator: ".").compactMap { UInt8($0) }
        guard octets.count == 4, (try? IMacRTSocket.address(of: endpoint)) != nil
        else {
            settings.reject(
                key,
                "is `\(endpoint.host)`; expected an IPv4 address, since a module's replies are "
                    + "known by it. Write `\(key): 192.168.0.31`"
            )
            return nil
        }
        if endpoint.port == 0 { endpoint.port = 12_000 + Int(octets[3]) }
        return endpoint
    }
}
