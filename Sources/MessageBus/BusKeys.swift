public import Logging
public import Telemetry
public import ZeroMQ

/// What protects a bus: its own key, and who gets in.
public struct BusKeys: Sendable {
    /// The key pair that all sockets of the bus prove.
    public var own: KeyPair
    /// Whether a peer with that key gets in; asked at each connection and each request, and has to
    /// answer by what holds now.
    public var admits: @Sendable (PublicKey) -> Bool
    /// Where strangers are logged.
    public var logger: Logger
    /// What tells when the next one may be.
    public var time: any TimeSource

    /// Keys.
    public init(
        own: KeyPair,
        logger: Logger,
        time: any TimeSource,
        admits: @escaping @Sendable (PublicKey) -> Bool
    ) {
        self.own = own
        self.admits = admits
        self.logger = logger
        self.time = time
    }
}
