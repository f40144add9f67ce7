internal import Access
internal import Logging
internal import MessageBus
internal import Telemetry
internal import ZeroMQ

// Who asks, and whether that may be done: asked once for each request, before anything else.

extension AgentHost {
    /// Who asks: by the key that the handshake proved, or as they say where nothing better is
    /// known.
    ///
    /// An instance that vouches asks for others, and is taken at its word about who they are; what
    /// they may do is looked up here.
    func caller(of call: Call) -> Caller {
        let asker = call.request.asker
        let address = asker?.address ?? call.peer.address
        let claimed = Caller(
            name: asker?.name ?? "unknown",
            proof: asker?.token.map(Caller.Proof.token) ?? .local,
            address: address
        )
        guard let key = call.peer.user else { return claimed }
        let table = access.table
        if asker != nil, table.member(key: key)?.has(.vouches) == true {
            return claimed
        }
        return table.caller(key: key, address: call.peer.address)
    }

    /// What a request asks of its caller, and the operation that it is about.
    func need(of request: Request) -> (needs: Need, operation: String) {
        let operation = request.arguments["operation"]?.string
        switch request.action {
        case Action.describe, Action.status, Action.wait, Action.log:
            return (.role(.observe), operation ?? request.action)
        case Action.start, Action.stop, Action.abort:
            // One that is not there is answered as such to whoever may look here.
            let needs = try? book.operation(operation ?? "").needs
            return (.role(needs ?? .observe), operation ?? request.action)
        case Action.take, Action.release: return (.role(.operate), request.action)
        // It frees what the archive has, as the archive says.
        case Action.fetch: return (.duty(.archives), request.action)
        // It lets go of samples that no archive has.
        case Action.forget: return (.role(.admin), request.action)
        default:
            return (queries[request.action]?.needs ?? .role(.observe), request.action)
        }
    }

    /// Why a request is not done; nil if its caller may have it done.
    func refusal(of call: Call) -> RequestServer.Refusal? {
        let caller = caller(of: call)
        let (needs, operation) = need(of: call.request)
        let decision = access.table.decide(
            caller,
            needs: needs,
            instance: settings.identity.instance,
            operation: operation,
            at: time.now
        )
        guard case .refused(let text) = decision else { return nil }
        refusals.count(
            "request refused",
            detail: "from \(caller.address ?? "an unknown address"): \(text)"
        )
        noteRefusal(call, .refused, text)
        return (.refused, text)
    }

    /// Messages and requests that were refused, and peers that did not get in or were cut off.
    var refusedCount: Int64 {
        Int64(refusals.total + bus.strangerCount + (server?.drops.total ?? 0))
    }

    /// Has a changed table hold at once, on open connections too, until cancelled.
    func followAccess() async {
        await access.watch(time) { [self] change in
            switch change {
            case .changed: await takeAccess()
            case .broken(let error):
                logger.error(
                    "access.yaml is not to be used, what it said before holds on",
                    metadata: ["reason": "\(error)"]
                )
            }
        }
    }

    private func takeAccess() {
        logger.notice("access.yaml has changed and holds")
        bus.expelStrangers()
    }
}
