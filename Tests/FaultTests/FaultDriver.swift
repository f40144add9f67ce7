import AgentClient
import CerroTesting
import Foundation
import MessageBus
import Telemetry

/// Breaks a site of processes apart, keeps account of what its sources accepted, and in the end
/// compares that with what is read back.
struct FaultDriver {
    let site: ProcessSite
    private var runs: NumberedRuns
    private(set) var kills = 0
    private let time = SystemTimeSource()

    /// A driver of a site whose sources have just been started.
    init(_ site: ProcessSite) {
        self.site = site
        runs = NumberedRuns(site.instances.filter { $0.hasPrefix("fake-") })
    }

    /// A source with that number of samples a second.
    static func source(_ name: String, rate: Int = 300, fields: Int = 2) -> String {
        "{class: FakeData, id: \(name), start: [load], "
            + "arguments: {load: {fields: \(fields), rate: \(rate)}}}"
    }

    /// The field with the numbers of a source.
    static func field(of source: String) -> String { "\(source).load.n" }

    /// The sources.
    var sources: [String] { runs.sources }

    /// Kills an instance of a supervised site, and waits until its supervisor has started it again
    /// and the registry knows that.
    mutating func killSupervised(_ instance: String) async throws {
        await note(instance)
        let before = try await eventually("the registry knows \(instance)") {
            try await site.client.instance(instance).epoch
        }
        try await site.killAndAwaitRestart(instance)
        kills += 1
        guard sources.contains(instance) else { return }
        let epoch = try await eventually("the new epoch of \(instance)") { () -> Int64? in
            let row = try await site.client.instance(instance)
            return row.epoch > before ? row.epoch : nil
        }
        runs.begin(instance, at: Timestamp(nanoseconds: epoch))
    }

    /// Asks what a source has accepted; who does not answer at once has accepted anything.
    mutating func note(_ source: String) async {
        let known = try? await site.accepted(by: source, timeout: .milliseconds(500))
        if let known { runs.note(source, accepted: known) }
    }

    /// Kills an instance like `kill -9`; it is gone afterwards.
    mutating func kill(_ instance: String) async throws {
        await note(instance)
        try site.program(instance).killGroup(SIGKILL)
        try await awaitEnd(of: instance)
    }

    /// Waits until a signal has ended an instance.
    mutating func awaitEnd(of instance: String) async throws {
        let end = try await site.program(instance).untilEnd()
        guard end == .signal(SIGKILL) else {
            throw NeverHappened(description: "\(instance) ended by itself: \(end)")
        }
        kills += 1
    }

    /// Starts an instance that is gone, under another program if that is given, and with a clock
    /// that leads by so much.
    mutating func begin(
        _ instance: String,
        under: [String] = [],
        clock lead: Duration = .zero
    ) throws {
        runs.begin(instance, at: time.now + lead)
        try site.begin(instance, under: under)
    }

    /// Waits until the logs of the sources have grown by so many bytes in all.
    func untilLogsGrow(
        by byteCount: Int,
        within limit: Duration = .seconds(30)
    ) async throws {
        var known = logBytes
        var grown = 0
        try await eventually("the logs grow by \(byteCount) bytes", within: limit) { () -> Bool? in
            let now = logBytes
            for (path, size) in now { grown += max(0, size - (known[path] ?? size)) }
            known = now
            return grown >= byteCount ? true : nil
        }
    }

    private var logBytes: [String: Int] {
        var sizes: [String: Int] = [:]
        for source in sources {
            let folder = "\(site.folder.path)/spool/\(source)"
            for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
                let path = "\(folder)/\(name)"
                let attributes = try? FileManager.default.attributesOfItem(atPath: path)
                sizes[path] = attributes?[.size] as? Int ?? 0
            }
        }
        return sizes
    }

    /// Waits until a source has accepted so many more messages.
    func untilAccepted(_ more: Int64, by source: String) async throws {
        let before = try await eventually("an answer of \(source)") {
            try await site.accepted(by: source)
        }
        try await eventually("\(more) more messages of \(source)") {
            try await site.accepted(by: source) >= before + more ? true : nil
        }
    }

    /// Waits until `cerro faults` shows a fault of one of these names for an instance, or none of
    /// them; prints what it shows.
    func untilFault(
        _ names: [String],
        of instance: String,
        isOpen: Bool = true,
        where isMeant: (Value) -> Bool = { _ in true }
    ) async throws {
        let what = isOpen ? "\(instance) raises" : "\(instance) clears"
        try await eventually("\(what) \(names.joined(separator: " or "))") { () -> Bool? in
            let words = ["faults", "--json", "--site", site.file]
            let shown = try await RunningProgram.run(words).output
            let line = shown.split(separator: "\n").first { $0.hasPrefix("[") }
            let open = try Value(json: String(line ?? "")).array?.first { fault in
                fault["instance"]?.string == instance
                    && names.contains(fault["id"]?.string ?? "")
                    && isMeant(fault)
            }
            guard (open != nil) == isOpen else { return nil }
            if let open { print("fault: \(open.json)") }
            return true
        }
    }

    /// Waits until the reader has all that was accepted so far.
    func untilCaughtUp(_ source: String) async throws {
        let accepted = try await eventually("an answer of \(source)") {
            try await site.accepted(by: source)
        }
        try await eventually("\(accepted) samples of \(source)") {
            let last = try await site.numbers(Self.field(of: source)).last
            return last.map { $0 >= accepted } == true ? true : nil
        }
    }

    /// Stops the sources, waits until everything is read back as accepted, and looks at the ledger:
    /// nothing may be missing, and the clocks of the `marked`, and of no other, were off.
    ///
    /// - Returns: how many samples there were.
    mutating func finish(marked: Set<String> = []) async throws -> Int {
        for source in sources { runs.note(source, accepted: try await end(source), isExact: true) }
        var total = 0
        for source in sources {
            var problem: String?
            do {
                total += try await eventually("all of \(source)") {
                    let samples = try await site.samples(Self.field(of: source))
                    problem = runs.problem(source, samples)
                    return problem == nil ? samples.count : nil
                }
            } catch { throw NeverHappened(description: "\(problem ?? "")\n\(error)") }
        }
        let ledger = try await site.get("api/v1/gaps?start=1&end=\(ProcessSite.end)")
        let marks = ledger["marks"]?.array?.compactMap { $0["instance"]?.string }
        guard ledger["gaps"] == [], let marks, Set(marks) == marked else {
            throw NeverHappened(description: "the ledger is another: \(ledger.json)")
        }
        return total
    }

    /// Stops the load of a source, however often that takes; returns what its log accepted.
    private func end(_ source: String) async throws -> Int64 {
        try await eventually("the end of the load of \(source)") {
            _ = try? await site.stopLoad(source)
            let status = try await site.client.result(
                source,
                Action.status,
                ["operation": "load"]
            )
            guard status["session"]?["status"] == "done" else { return nil }
            return status["session"]?["data"]?["published"]?.int
        }
    }
}
