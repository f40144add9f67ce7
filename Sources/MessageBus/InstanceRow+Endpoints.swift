public import Telemetry
internal import ZeroMQ

extension InstanceRow {
    /// Where the instance answers requests, and the key that it proves; nil where nobody is.
    public var requestsEndpoint: BusEndpoint? { BusEndpoint(requests, key: PublicKey(key)) }

    /// Where the instance publishes, and the key that it proves; nil where nobody is.
    public var publisherEndpoint: BusEndpoint? { BusEndpoint(publisher, key: PublicKey(key)) }
}
