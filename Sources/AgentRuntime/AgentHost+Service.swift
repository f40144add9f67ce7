internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

extension AgentHost {
    /// Serves until Ctrl-C or SIGTERM, and then ends in order.
    ///
    /// - Throws: ``AgentExit`` if it cannot begin or another process holds the instance.
    public nonisolated func runUntilSignal() async throws {
        let group = ServiceGroup(
            services: [self],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        try await group.run()
    }
}
