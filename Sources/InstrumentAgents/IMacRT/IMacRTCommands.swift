internal import AgentRuntime
internal import Telemetry

/// What a client passes to `set_setpoint`.
struct SetPointSetting: OperationParameters {
    /// The loop, and its set point.
    var loop: Int, kelvin: Double
}

extension SetPointSetting {
    init(from reader: inout ParameterReader) throws(ParameterError) {
        loop = try reader.int("loop", in: 0...2)
        kelvin = try reader.double("kelvin", in: 0...350, unit: .kelvin)
    }
}

/// What a client passes to `set_loop`.
struct LoopSetting: OperationParameters {
    /// The loop, and whether it regulates.
    var loop: Int, isOn: Bool
}

extension LoopSetting {
    init(from reader: inout ParameterReader) throws(ParameterError) {
        loop = try reader.int("loop", in: 0...2)
        isOn = try reader.bool("on", help: "whether it regulates")
    }
}

/// What a client passes to `set_pid`.
struct PIDSetting: OperationParameters {
    /// The loop and its coefficients.
    var loop: Int, proportional: Double, integral: Double, derivative: Double
}

extension PIDSetting {
    init(from reader: inout ParameterReader) throws(ParameterError) {
        loop = try reader.int("loop", in: 0...2)
        proportional = try reader.double("p", in: 0...1e6, unit: "W/K")
        integral = try reader.double("i", in: 0...1e6, unit: "1/s")
        derivative = try reader.double("d", in: 0...1e6, unit: .second)
    }
}

extension IMacRTModule {
    /// Sets the set point of a loop and returns once the module shows it.
    func set(_ setting: SetPointSetting) async throws {
        try await write([(IMacRTRegisters.setPoint(setting.loop), setting.kelvin)])
    }

    /// Switches a loop and returns once the module shows it.
    func set(_ setting: LoopSetting) async throws {
        try await write([(IMacRTRegisters.isOn(setting.loop), setting.isOn ? 1 : 0)])
    }

    /// Sets the coefficients of a loop and returns once the module shows them.
    func set(_ setting: PIDSetting) async throws {
        let values = [setting.proportional, setting.integral, setting.derivative]
        try await write(Array(zip(IMacRTRegisters.pid(setting.loop), values)))
    }
}
