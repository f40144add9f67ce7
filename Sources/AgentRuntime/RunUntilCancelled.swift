public import Logging
public import ServiceLifecycle

/// Runs a service until it ends by itself or this task is cancelled, which asks it to end in order.
///
/// Servers on NIO trap when cancellation cuts them short in the middle of a connection, so the
/// service has a task of its own, and cancellation only triggers its graceful shutdown.
///
/// - Parameters:
///   - service: what runs.
///   - patience: how long its shutdown may take.
///   - logger: where the service group logs.
/// - Throws: what the service throws.
public func runUntilCancelled(
    _ service: any Service,
    patience: Duration,
    logger: Logger
) async throws {
    var configuration = ServiceGroupConfiguration(
        services: [.init(service: service)],
        logger: logger
    )
    configuration.maximumGracefulShutdownDuration = patience
    let group = ServiceGroup(configuration: configuration)
    // Awaited below, and ended by the graceful shutdown that cancellation triggers.
    let running = Task { try await group.run() }
    try await withTaskCancellationHandler {
        try await running.value
    } onCancel: {
        // Ends as soon as the group has heard of it.
        Task { await group.triggerGracefulShutdown() }
    }
}
