internal import Log
internal import Logging
internal import MessageBus
internal import Telemetry

// The actions `log` and `forget`.

extension AgentHost {
    /// What the log holds and what each feed published: the answer to `log`.
    var logStatus: Value {
        guard case .map(var status) = log.status.value else { return .null }
        status["feeds"] = .map(feeds.mapValues(\.value))
        return .map(status)
    }

    /// Forgets an archive that will never come back.
    func forget(_ call: Call) {
        guard let archive = call.request.arguments["archive"]?.string else {
            return finish(call, .requestMalformed, "`forget` needs `archive`, an archive's id")
        }
        let entry = auditEntry(call)
        let begin = time.monotonic
        let isAccepted = audited(entry) { host in
            let isKnown = host.log.forget(archive: archive)
            if isKnown {
                host.logger.notice("an archive is forgotten", metadata: ["archive": "\(archive)"])
            }
            host.note(entry.ended(.done, "", after: host.time.monotonic - begin))
            host.finish(call, .ok, result: ["known": .bool(isKnown)])
        }
        if !isAccepted { refuse(call) }
    }
}
