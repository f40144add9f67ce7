/// Calls that compile and still do not belong: each with why, and what to write instead.
enum CallRules {
    /// One forbidden word of code.
    struct Ban {
        /// The code that is forbidden.
        let code: String
        /// Why it is, and what to do.
        let reason: String
        /// Whether it is forbidden in files of products, and in files of tests.
        let inProducts: Bool, inTests: Bool
        /// Whether a comment on the line above allows it: the sentence that makes it right.
        let isExplainable: Bool

        init(
            _ code: String,
            products: Bool = true,
            tests: Bool = true,
            explainable: Bool = false,
            _ reason: String
        ) {
            self.code = code
            self.reason = reason
            inProducts = products
            inTests = tests
            isExplainable = explainable
        }
    }

    private static let waiting =
        "waits for time, so the test is slow and fails on a busy machine: wait for the event, "
        + "or advance a manual clock"
    private static let loose =
        "is a loose task, which nobody awaits or cancels: use a task group or `async let`, or "
        + "say on the line above who ends it"
    private static let unproven =
        "switches the compiler's check off: say on the line above why it holds all the same"

    static let bans: [Ban] = [
        Ban("try!", "turns an error into a crash: handle it, or let it through"),
        Ban("as!", "turns a wrong type into a crash: use `as?` and say what was expected"),
        Ban("fatalError(", "says nothing about the caller's duty: use `precondition`, or throw"),
        Ban("@unchecked Sendable", explainable: true, unproven),
        Ban("nonisolated(unsafe)", explainable: true, unproven),
        Ban("Task {", tests: false, explainable: true, loose),
        Ban("Task.detached", tests: false, explainable: true, loose),
        Ban("Task.sleep", products: false, waiting),
        Ban("Thread.sleep", products: false, waiting),
        Ban("sleep(", products: false, waiting),
        Ban("usleep(", products: false, waiting),
        Ban("nanosleep(", products: false, waiting),
    ]

    private static let printing =
        Ban("print(", "writes to the output of whoever links the library: log it, or return it")

    /// The findings about calls in one file.
    static func check(_ file: SourceFile) -> [Finding] {
        var found = bans.flatMap { check($0, file) }
        if file.isProduct, file.target != "cerro" { found += check(printing, file) }
        return found
    }

    private static func check(_ ban: Ban, _ file: SourceFile) -> [Finding] {
        guard file.isProduct ? ban.inProducts : ban.inTests else { return [] }
        return file.places(of: ban.code, in: file.code).compactMap { offset in
            let line = file.line(at: offset)
            let isOther =
                file.lastByte(before: offset) == 0x2E || file.lastWord(before: offset) == "func"
            guard !isOther, !(ban.isExplainable && file.isExplained(line)) else { return nil }
            return Finding(
                file: file.path,
                line: line,
                message: "`\(ban.code)` \(ban.reason)"
            )
        }
    }
}
