import CerroTesting
import Foundation

/// Words that run strace, which does something to a process at certain calls.
enum Injection {
    /// Calls that one step of writing, sealing or indexing consists of, and how many of them one
    /// thread makes in a moment or two.
    typealias Step = (call: String, most: Int)

    /// The steps of who writes journals and sealed files.
    static let archiving: [Step] = [
        ("writev", 6), ("fdatasync", 3), ("fsync", 4), ("rename", 1), ("unlink", 3),
    ]

    /// The steps of who writes a log, and notes which of it is committed.
    static let logging: [Step] = [
        ("writev", 20), ("fdatasync", 2), ("fsync", 2), ("rename", 2), ("unlink", 2),
    ]

    /// The steps of who keeps an index.
    static let indexing: [Step] = [("pwrite64", 20), ("fdatasync", 4)]

    /// The steps of who has just been started, and creates files.
    static let starting: [Step] = [
        ("writev", 4), ("fdatasync", 2), ("fsync", 2), ("rename", 2), ("unlink", 2),
    ]

    /// Kills a process before some call of a step, drawn by chance; what it did is in `trace`.
    ///
    /// The process is one that runs, or is started with the words that follow these.
    static func killing(
        _ pid: pid_t?,
        _ steps: [Step],
        trace: String,
        _ chance: inout SeededGenerator
    ) -> [String] {
        let step = steps[Int.random(in: 0..<steps.count, using: &chance)]
        let when = Int.random(in: 1...step.most, using: &chance)
        let words = strace(step.call, "signal=SIGKILL:when=\(when)", trace: trace)
        return words + (pid.map { ["-p", "\($0)"] } ?? ["--seccomp-bpf"])
    }

    /// Makes calls of a process that runs fail, until it is told to stop.
    static func failing(_ calls: String, _ how: String, _ pid: pid_t) -> [String] {
        strace(calls, how) + ["-p", "\(pid)"]
    }

    private static func strace(
        _ calls: String,
        _ how: String,
        trace: String = "/dev/null"
    ) -> [String] {
        ["strace", "-f", "-q", "-y", "-s", "0", "-o", trace, "-e", "trace=\(calls)", "-e"]
            + ["inject=\(calls):\(how)"]
    }

    /// The step at which a traced process died: its call, and to which kind of file, such as
    /// `fsync of a folder`; nil if it died otherwise.
    ///
    /// The call that never returned is the last one that ends with `= ?`, and may have begun in an
    /// earlier line of its thread.
    static func step(inTrace text: String) -> String? {
        let lines = text.split(separator: "\n")
        guard let last = lines.last(where: { $0.hasSuffix("= ?") }) else { return nil }
        let thread = last.prefix { $0 != " " }
        let begun = lines.last { line in
            line.hasPrefix(thread + " ") && line.contains("(") && !line.contains("resumed>")
        }
        guard let begun,
            let call = begun.dropFirst(thread.count).split(separator: " ").first?
                .prefix(while: { $0 != "(" })
        else { return nil }
        let names = begun.split { "<>\"".contains($0) }.filter { $0.hasPrefix("/") }
        guard let name = names.last?.split(separator: "/").last else { return nil }
        return "\(call) of \(kind(ofFile: name))"
    }

    /// Files whose names hold when they were made are known by their endings.
    private static func kind(ofFile name: Substring) -> String {
        guard name.contains(".") else {
            return ["memory", "commits", "epoch", "starts"].contains(name) ? "\(name)" : "a folder"
        }
        let isDated = name.drop { $0 == "." }.first?.isNumber == true
        return isDated ? "a ." + (name.split(separator: ".").last ?? name) : "\(name)"
    }
}
