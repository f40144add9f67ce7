internal import AgentRuntime
internal import Telemetry

/// What a client passes to `set_heater`.
struct HeaterSetting: OperationParameters {
    /// The outputs of the instrument, in the order of their numbers.
    static let heaters = ["sample", "warm-up", "still"]

    /// The output and its range, 0 for off.
    var heater: String, range: Int
}

extension HeaterSetting {
    init(from reader: inout ParameterReader) throws(ParameterError) {
        heater = try reader.string(
            "heater",
            choices: Self.heaters,
            default: "sample",
            help: "which output"
        )
        range = try reader.int(
            "range",
            in: 0...8,
            help: "0 is off; sample: 1 (31.6 uA) to 8 (100 mA); warm-up and still: 1 is on"
        )
        guard heater == "sample" || range <= 1 else {
            throw .outOfRange("range", found: "\(range)", expected: "0 or 1 for \(heater)")
        }
    }
}

/// What a client passes to `set_still`.
struct StillSetting: OperationParameters {
    /// The output, in per cent of its full scale.
    var percent: Double
}

extension StillSetting {
    init(from reader: inout ParameterReader) throws(ParameterError) {
        percent = try reader.double("percent", in: 0...100, unit: .percent)
    }
}

/// What a client passes to `set_channel`.
struct ScannerSetting: OperationParameters {
    /// The channel to go to, and whether the scanner moves on from there.
    var channel: Int, autoscan: Bool
}

extension ScannerSetting {
    init(from reader: inout ParameterReader) throws(ParameterError) {
        channel = try reader.int("channel", in: 1...16)
        autoscan = try reader.bool(
            "autoscan",
            default: false,
            help: "whether the scanner moves on by itself"
        )
    }
}

/// What a client passes to `set_excitation`.
struct ExcitationSetting: OperationParameters {
    /// The channel.
    var channel: Int
    /// `voltage` or `current`, and the step of its table.
    var mode: String, index: Int
}

extension ExcitationSetting {
    init(from reader: inout ParameterReader) throws(ParameterError) {
        channel = try reader.int("channel", in: 1...16)
        mode = try reader.string("mode", choices: ["voltage", "current"])
        index = try reader.int(
            "index",
            in: 1...22,
            help: "voltage: 1 (2 uV) to 12 (632 mV); current: 1 (1 pA) to 22 (31.6 mA)"
        )
        guard mode == "current" || index <= 12 else {
            throw .outOfRange("index", found: "\(index)", expected: "1 to 12 for a voltage")
        }
    }
}

extension Lakeshore372Connection {
    /// Sets the range of a heater and returns once the instrument shows it.
    func set(_ setting: HeaterSetting) async throws {
        let output = HeaterSetting.heaters.firstIndex(of: setting.heater) ?? 0
        try await set("RANGE \(output),\(setting.range)", then: "RANGE? \(output)") {
            Text.integer($0) == setting.range
        }
    }

    /// Sets the still output and returns once the instrument shows it, to 0.01 %.
    func set(_ setting: StillSetting) async throws {
        let percent = Text.decimal(setting.percent, places: 2)
        try await set("STILL \(percent)", then: "STILL?") {
            Text.number($0).map { abs($0 - setting.percent) < 0.011 } ?? false
        }
    }

    /// Moves the scanner and returns once the instrument shows it.
    func set(_ setting: ScannerSetting) async throws {
        try await set("SCAN \(setting.channel),\(setting.autoscan ? 1 : 0)", then: "SCAN?") {
            let parts = Text.list($0).map { Text.integer($0) }
            return parts == [setting.channel, setting.autoscan ? 1 : 0]
        }
    }

    /// Sets the excitation of a channel, keeps the rest of its setup, and confirms it.
    func set(_ setting: ExcitationSetting) async throws {
        let question = "INTYPE? \(setting.channel)"
        var parts = Text.list(try await ask(question)).map { Text.integer($0) }
        guard parts.count == 6, !parts.contains(nil) else {
            throw InstrumentError.garbled(
                address: "INTYPE? \(setting.channel)",
                found: "\(parts.count) numbers",
                expected: "6 numbers"
            )
        }
        parts[0] = setting.mode == "voltage" ? 0 : 1
        parts[1] = setting.index
        let expected = parts
        let numbers = parts.map { $0.map(String.init) ?? "" }.joined(separator: ",")
        try await set("INTYPE \(setting.channel),\(numbers)", then: question) {
            Text.list($0).map { Text.integer($0) } == expected
        }
    }
}
