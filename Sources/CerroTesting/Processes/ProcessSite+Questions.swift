internal import AgentClient
public import Foundation
internal import FoundationNetworking
internal import MessageBus
public import Telemetry

extension ProcessSite {
    /// The pid of an instance that is now running, as the registry knows it.
    public func pid(of instance: String) async throws -> pid_t {
        pid_t(try await client.instance(instance).pid)
    }

    /// Kills an instance and waits until the supervisor has started it again.
    public func killAndAwaitRestart(
        _ instance: String,
        whileDown: () throws -> Void = {}
    ) async throws {
        let up = try up
        let before = up.lines.count
        guard let victim = up.pid(of: instance) else {
            throw Failure(description: "the supervisor has not started \(instance)")
        }
        Foundation.kill(victim, SIGKILL)
        try await eventually("the supervisor sees the end of \(instance)") {
            up.lines.dropFirst(before).first { $0.contains("\(instance) was ended by signal 9") }
        }
        try whileDown()
        try await eventually("\(instance) is started again") {
            up.lines.dropFirst(before).first { $0.contains("\(instance) started, process") }
        }
    }

    /// Waits until HTTP answers; returns its port, which changes when the reader is restarted.
    @discardableResult
    public func untilServed() async throws -> Int {
        try await eventually("HTTP of the reader") {
            let status = try await client.result("reader", Action.status, timeout: .seconds(2))
            let session = status["sessions"]?.array?.first.flatMap(Session.init)
            guard let port = session?.data["port"]?.int else { return nil }
            _ = try await get("healthz", port: Int(port))
            return Int(port)
        }
    }

    /// What HTTP answers to a path, as JSON.
    public func get(_ path: String, port: Int? = nil) async throws -> Value {
        try Value(json: String(decoding: try await bytes(of: path, port: port), as: UTF8.self))
    }

    /// What HTTP answers at a path, as text.
    public func text(_ path: String) async throws -> String {
        String(decoding: try await bytes(of: path, port: nil), as: UTF8.self)
    }

    private func bytes(of path: String, port: Int?) async throws -> Data {
        let port = if let port { port } else { try await untilServed() }
        guard let url = URL(string: "http://127.0.0.1:\(port)/\(path)") else {
            throw Failure(description: "\(path) is no path")
        }
        return try await URLSession.shared.data(from: url).0
    }

    /// One sample that is a whole number.
    public struct Numbered: Hashable, Sendable {
        /// When it was sampled, in nanoseconds since 1970.
        public var instant: Int64
        /// The number.
        public var number: Int64

        /// A number, sampled then.
        public init(instant: Int64, number: Int64) {
            self.instant = instant
            self.number = number
        }
    }

    /// All samples of a field that are whole numbers, in order of time, as HTTP answers them.
    ///
    /// The JSON is read by its form and not as a value: a long run has a million of them.
    public func samples(_ field: String, port: Int? = nil) async throws -> [Numbered] {
        let text = try await bytes(of: Self.query(field), port: port)
        let (instants, numbers) = (Self.integers("t", text), Self.integers(field, text))
        guard instants.count == numbers.count else {
            throw Failure(description: "\(instants.count) times, \(numbers.count) samples")
        }
        return zip(instants, numbers).map(Numbered.init)
    }

    /// The members of the first array of integers of that name.
    private static func integers(_ name: String, _ text: Data) -> [Int64] {
        guard let opening = text.firstRange(of: Data("\"\(name)\":[".utf8)) else { return [] }
        let list = text[opening.upperBound...].prefix { $0 != UInt8(ascii: "]") }
        return list.split(separator: UInt8(ascii: ",")).compactMap { digits in
            Int64(String(decoding: digits.filter { $0 != UInt8(ascii: "\"") }, as: UTF8.self))
        }
    }

    /// The numbers of ``samples(_:port:)``.
    public func numbers(_ field: String, port: Int? = nil) async throws -> [Int64] {
        try await samples(field, port: port).map(\.number)
    }

    /// The path that asks for all samples of a field.
    public static func query(_ field: String) -> String {
        "api/v1/data?field=\(field)&start=1&end=\(end)&time=ns"
    }

    /// The end of all time that samples may have, in seconds since 1970: near that of 2199.
    public static let end = 7_200_000_000

    /// Waits until the archive holds so many samples of a field.
    @discardableResult
    public func untilArchived(_ count: Int, of field: String) async throws -> [Int64] {
        let port = try await untilServed()
        return try await eventually("\(count) samples of \(field)") {
            let numbers = try await numbers(field, port: port)
            return numbers.count >= count ? numbers : nil
        }
    }

    /// How many messages the log of an instance accepted from its process `load`, at least.
    public func accepted(
        by instance: String,
        timeout: Duration = .seconds(5)
    ) async throws -> Int64 {
        let status = try await client.result(
            instance,
            Action.status,
            ["operation": "load"],
            timeout: timeout
        )
        return status["session"]?["data"]?["published"]?.int ?? 0
    }

    /// Stops the process `load`; returns how many messages the log accepted in all.
    public func stopLoad(_ instance: String) async throws -> Int64 {
        let stopped = try await client.result(
            instance,
            Action.stop,
            ["operation": "load", "wait_ns": 5_000_000_000]
        )
        guard let count = stopped["session"]?["data"]?["published"]?.int else {
            throw Failure(description: "the load of \(instance) has no count: \(stopped.json)")
        }
        return count
    }
}
