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
        let isKnown = log.forget(archive: archive)
        if isKnown {
            logger.notice("an archive is forgotten", metadata: ["archive": "\(archive)"])
        }
        finish(call, .ok, result: ["known": .bool(isKnown)])
    }
}
