internal import Foundation
internal import Telemetry

/// Keeps programs running: starts each, starts it again when it ends, and stops all in the end.
struct Supervisor: Sendable {
    /// A program under a name.
    struct Member: Sendable {
        /// The instance, as people call it.
        var name: String
        /// What is started for it.
        var program: ChildProcess.Program
    }

    /// What is kept running.
    let members: [Member]
    /// Where pauses and run times are taken from.
    let time: any TimeSource
    /// A number from 0 to 1 by chance, for the spread of pauses.
    let chance: @Sendable () -> Double
    /// Is told what happens, one line each.
    let report: @Sendable (String) -> Void

    /// Runs until its task is cancelled and every program has ended.
    ///
    /// - Returns: whether every program ended as it was told to, without being killed.
    func run() async -> Bool {
        let lifeline: Spawn.Channel
        do { lifeline = try Spawn.Channel() } catch {
            report("\(error)")
            return false
        }
        defer { withExtendedLifetime(lifeline) {} }
        return await withTaskGroup { group in
            for member in members {
                group.addTask { await keep(member, lifeline.reading) }
            }
            return await group.reduce(true) { $0 && $1 }
        }
    }

    /// Keeps one program running; the result tells whether it ended well when told to.
    private func keep(_ member: Member, _ lifeline: FileHandle) async -> Bool {
        var backoff = Backoff()
        while !Task.isCancelled {
            let start = time.monotonic
            let child: ChildProcess
            do { child = try ChildProcess(member.program, lifeline: lifeline) } catch {
                report("\(member.name): \(error)")
                guard await pause(&backoff, after: .zero, member) else { return true }
                continue
            }
            report("\(member.name) started, process \(child.pid)")
            let end = await withTaskCancellationHandler {
                await child.end()
            } onCancel: {
                child.stop()
            }
            if Task.isCancelled {
                report("\(member.name) \(end)")
                return end != .signal(SIGKILL)
            }
            report(sentence(about: member, end, child))
            if end == .code(ExitStatus.usage.rawValue) || end == .code(0) { return false }
            guard await pause(&backoff, after: time.monotonic - start, member) else { return true }
        }
        return true
    }

    private func sentence(
        about member: Member,
        _ end: ChildProcess.End,
        _ child: ChildProcess
    ) -> String {
        let last = child.lastLines(1).joined()
        let why =
            switch end {
            case .code(0): ", and was not asked to: it stays down"
            case .code(ExitStatus.usage.rawValue): ": its settings are wrong, it stays down"
            default: ""
            }
        return "\(member.name) \(end)\(why)" + (last.isEmpty ? "" : "; its last line: \(last)")
    }

    /// Waits before the next start; false if the end comes first.
    private func pause(
        _ backoff: inout Backoff,
        after run: Duration,
        _ member: Member
    ) async -> Bool {
        let pause = backoff.pause(after: run, chance: chance())
        report("\(member.name) starts again in \(HumanText.duration(pause))")
        do { try await time.sleep(for: pause) } catch { return false }
        return true
    }
}
