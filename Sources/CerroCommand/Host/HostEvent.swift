internal import Foundation
internal import Logging
internal import Telemetry

/// What happens to the instances of a host, for whoever watches.
enum HostEvent: Sendable {
    /// A process of an earlier manager goes on under this one.
    case takenOver(String, process: pid_t)
    /// A process was started.
    case started(String, process: pid_t)
    /// None could be started.
    case notStarted(String, reason: String)
    /// A process has ended: as it was told to, or by itself.
    case ended(String, process: pid_t, reason: String, wasTold: Bool)
    /// The instance is started again after a pause.
    case pausing(String, Duration)
    /// The instance stays down: its settings are wrong.
    case givenUp(String)
    /// What the manager before remembered cannot be read, or what runs now not be written.
    case unremembered(reason: String)

    /// The event as people read it.
    var sentence: String {
        switch self {
        case .takenOver(let id, let process): "\(id) runs already, process \(process)"
        case .started(let id, let process): "\(id) started, process \(process)"
        case .notStarted(let id, let reason): "\(id) cannot be started: \(reason)"
        case .ended(let id, _, let reason, _): "\(id) \(reason)"
        case .pausing(let id, let pause): "\(id) starts again in \(HumanText.duration(pause))"
        case .givenUp(let id): "\(id) stays down: its settings are wrong"
        case .unremembered(let reason): "what runs is not remembered: \(reason)"
        }
    }

    /// Writes the event to a log.
    func log(to logger: Logger) {
        switch self {
        case .takenOver(let id, let process):
            logger.notice(
                "an instance is taken over",
                metadata: ["instance": "\(id)", "process": "\(process)"]
            )
        case .started(let id, let process):
            logger.notice(
                "an instance is started",
                metadata: ["instance": "\(id)", "process": "\(process)"]
            )
        case .notStarted(let id, let reason):
            logger.error(
                "an instance cannot be started",
                metadata: ["instance": "\(id)", "reason": "\(reason)"]
            )
        case .ended(let id, let process, let reason, let wasTold):
            logger.log(
                level: wasTold ? .notice : .warning,
                "an instance has ended",
                metadata: [
                    "instance": "\(id)", "process": "\(process)", "reason": "\(reason)",
                ]
            )
        case .pausing(let id, let pause):
            logger.debug(
                "an instance starts again after a pause",
                metadata: ["instance": "\(id)", "pause": "\(HumanText.duration(pause))"]
            )
        case .givenUp(let id):
            logger.error(
                "an instance stays down, its settings are wrong",
                metadata: ["instance": "\(id)"]
            )
        case .unremembered(let reason):
            logger.error("what runs is not remembered", metadata: ["reason": "\(reason)"])
        }
    }
}
