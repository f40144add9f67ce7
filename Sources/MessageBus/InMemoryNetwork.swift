internal import ZeroMQ

/// Something that listens at an endpoint of the network.
protocol InMemoryListener: AnyObject {
    var endpoint: BusEndpoint { get }
}

/// Something that is connected to an endpoint of the network, whenever somebody listens there.
protocol InMemoryClient: AnyObject {
    var endpoint: BusEndpoint { get }
    func attach(to listener: any InMemoryListener)
    func detach(reason: String)
}

/// Who listens, who is connected, and what is under way between them.
final class InMemoryNetwork {
    let reactor: Reactor
    private var listeners: [BusEndpoint: any InMemoryListener] = [:]
    private var clients: [any InMemoryClient] = []
    private var underWay: [() -> Void] = []
    private var nextPort = 40_000
    private var lastConnection: UInt64 = 0

    init(_ reactor: Reactor) {
        self.reactor = reactor
    }

    func freeEndpoint(_ binding: Binding) throws(BusError) -> BusEndpoint {
        let preferred = binding.preferred.map { [$0] } ?? []
        for port in preferred + Array(binding.ports) {
            guard let endpoint = BusEndpoint(host: binding.host, port: port == 0 ? anyPort() : port)
            else { continue }
            if listeners[endpoint] == nil { return endpoint }
        }
        throw .portTaken(host: binding.host, ports: binding.ports)
    }

    func connectionNumber() -> UInt64 {
        lastConnection += 1
        return lastConnection
    }

    func open(_ listener: any InMemoryListener) {
        listeners[listener.endpoint] = listener
        post {
            for client in self.clients where client.endpoint == listener.endpoint {
                self.attach(client)
            }
        }
    }

    func close(_ listener: any InMemoryListener) {
        guard listeners[listener.endpoint] === listener else { return }
        listeners[listener.endpoint] = nil
        let reached = clients.filter { $0.endpoint == listener.endpoint }
        post { for client in reached { client.detach(reason: "the connection was lost") } }
    }

    func add(_ client: any InMemoryClient) {
        clients.append(client)
        post { self.attach(client) }
    }

    func remove(_ client: any InMemoryClient) { clients.removeAll { $0 === client } }

    /// What both buses do to a connection that carried too long a message.
    func reconnect(_ client: any InMemoryClient) {
        post {
            client.detach(reason: "the connection was lost")
            self.post { self.attach(client) }
        }
    }

    /// Does `body` after all that is under way, never at once: as a network would.
    func post(_ body: @escaping () -> Void) {
        reactor.checkIsolated()
        underWay.append(body)
        guard underWay.count == 1 else { return }
        reactor.run(after: .zero) { self.deliver() }
    }

    private func deliver() {
        let due = underWay
        underWay = []
        for body in due { body() }
    }

    private func attach(_ client: any InMemoryClient) {
        guard clients.contains(where: { $0 === client }) else { return }
        if let listener = listeners[client.endpoint] {
            client.attach(to: listener)
        } else {
            client.detach(reason: "nobody listens there, or nobody answers")
        }
    }

    private func anyPort() -> Int {
        nextPort += 1
        return nextPort
    }
}
