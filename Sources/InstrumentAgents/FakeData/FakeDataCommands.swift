internal import AgentRuntime
internal import Telemetry

/// What a client passes to `acquire`.
struct AcquireSetting: OperationParameters {
    /// Seconds after which the session changes between running and degraded; 0 for never.
    var degradationPeriod: Double
}

extension AcquireSetting {
    init(from reader: inout ParameterReader) throws(ParameterError) {
        degradationPeriod = try reader.double(
            "degradation_period",
            in: 0...86_400,
            default: 0,
            unit: .second,
            help: "the session pretends to be degraded every other period; 0 is never"
        )
    }
}

/// What a client passes to `load`.
struct LoadSetting: OperationParameters {
    /// Messages in all, 0 for no end; messages a second, 0 for what the site file says.
    var count: Int, rate: Double
}

extension LoadSetting {
    init(from reader: inout ParameterReader) throws(ParameterError) {
        count = try reader.int(
            "count",
            in: 0...1_000_000_000_000,
            default: 0,
            help: "messages after which the process ends; 0 is never"
        )
        rate = try reader.double(
            "rate",
            in: 0...500_000,
            default: 0,
            help: "messages a second; 0 is as configured"
        )
    }
}

/// What a client passes to `delay_task`.
struct DelaySetting: OperationParameters {
    /// How long it takes, and how it ends.
    var delay: Double, succeed: Bool
}

extension DelaySetting {
    init(from reader: inout ParameterReader) throws(ParameterError) {
        delay = try reader.double("delay", in: 0...86_400, default: 5, unit: .second)
        succeed = try reader.bool("succeed", default: true, help: "false makes the task fail")
    }
}

/// Why a fake operation fails.
enum FakeFailure: Error, Hashable, CustomStringConvertible {
    /// A client asked for it.
    case asked
    /// The session pretends.
    case pretended

    var description: String {
        switch self {
        case .asked: "the task failed because `succeed` was false"
        case .pretended: "degraded on purpose, by `degradation_period`"
        }
    }
}
