import MessageBus
import Synchronization
import Telemetry
import Testing

@testable import CerroCommand

/// What `cerro call` understands, and how it talks to an instance.
@Suite("calls")
struct CallTests {
    @Test("words are an action and parameters, with types where they are plain")
    func arguments() throws {
        let call = try CallArguments([
            "start", "watts=0.5", "count=3", "fast=true", "name=a=b", "empty=",
            #"list:=[1, "x"]"#, #"text:="12""#,
        ])
        #expect(call.action == .start)
        #expect(
            call.parameters == [
                "watts": 0.5, "count": 3, "fast": true, "name": "a=b", "empty": "",
                "list": [1, "x"], "text": "12",
            ]
        )
        #expect(try CallArguments([]).action == .start)
        #expect(try CallArguments(["abort"]).action == .abort)
        #expect(try CallArguments(["a=1"]).parameters == ["a": 1])
    }

    @Test(
        "wrong words are refused before anything is sent, and the error says what to write",
        arguments: [
            (["begin"], "neither an action"), (["stop", "a=1"], "takes no parameters"),
            (["=1"], "no parameter"), (["a=1", "b"], "no parameter"), (["a=1", "a=2"], "twice"),
            (["a:=["], "no JSON"),
        ]
    )
    func wrongArguments(words: [String], expected: String) {
        #expect {
            try CallArguments(words)
        } throws: { error in
            guard let failure = error as? CommandFailure else { return false }
            return failure.status == .usage && failure.message.contains(expected)
        }
    }

    /// Plays an instance: gives the replies in order and keeps what was asked.
    private final class Instance: Sendable {
        private let state: Mutex<(replies: [Reply], asked: [(String, Value)])>

        init(_ replies: [Reply]) {
            state = Mutex((replies, []))
        }

        var asked: [(action: String, arguments: Value)] { state.withLock { $0.asked } }

        func answer(_ action: String, _ arguments: Value) throws -> Reply {
            try state.withLock { state in
                state.asked.append((action, arguments))
                guard !state.replies.isEmpty else { throw CancellationError() }
                return state.replies.removeFirst()
            }
        }
    }

    private func reply(_ code: ReplyCode, _ result: Value = .null) -> Reply {
        Reply(id: [], code: code, text: "", result: result, clock: Timestamp(seconds: 0), epoch: 1)
    }

    private func session(_ id: Int64, success: Bool? = nil) -> Value {
        var session = Session(id: id, operation: "heat", start: Timestamp(seconds: 1))
        session.success = success
        session.status = success == nil ? .running : .done
        return ["session": session.value]
    }

    private func description(_ kind: String) -> Value {
        ["operations": [["name": "heat", "kind": .string(kind)]]]
    }

    private func call(
        _ words: [String] = [],
        limit: Duration? = nil,
        isDetached: Bool = false
    ) throws -> OperationCall {
        OperationCall(
            instance: "cryo-1",
            operation: "heat",
            arguments: try CallArguments(words),
            limit: limit,
            isDetached: isDetached
        )
    }

    @Test("a task is started and waited for, step by step, until it is done")
    func task() async throws {
        let instance = Instance([
            reply(.ok, description("task")), reply(.waitTimeout, session(7)),
            reply(.ok, session(7, success: true)),
        ])
        let outcome = try await call(["watts=1"]).run(SystemTimeSource()) { action, arguments, _ in
            try instance.answer(action, arguments)
        }
        #expect(outcome.code == .ok)
        #expect(outcome.session?.success == true)
        #expect(instance.asked.map(\.action) == ["describe", "start", "wait"])
        #expect(instance.asked[1].arguments["parameters"] == ["watts": 1])
        #expect(instance.asked[1].arguments["wait_ns"]?.int == 1_000_000_000)
        #expect(instance.asked[2].arguments["session"]?.int == 7)
    }

    @Test("a process is started and not waited for, and so is what is detached")
    func process() async throws {
        let instance = Instance([
            reply(.ok, description("process")), reply(.ok, session(1)), reply(.ok, session(2)),
        ])
        for isDetached in [false, true] {
            _ = try await call(isDetached: isDetached).run(SystemTimeSource()) {
                action,
                arguments,
                _ in
                try instance.answer(action, arguments)
            }
        }
        #expect(instance.asked.map(\.action) == ["describe", "start", "start"])
        #expect(instance.asked[1].arguments["wait_ns"]?.int == 0)
    }

    @Test("a limit that has passed ends the waiting with the session that goes on")
    func limit() async throws {
        let instance = Instance([
            reply(.ok, description("task")), reply(.waitTimeout, session(7)),
        ])
        let outcome = try await call(limit: .zero).run(SystemTimeSource()) { action, arguments, _ in
            try instance.answer(action, arguments)
        }
        #expect(outcome.code == .waitTimeout)
        #expect(outcome.session?.id == 7)
    }

    @Test("Ctrl-C ends the waiting, not the operation")
    func interrupted() async throws {
        let instance = Instance([reply(.ok, description("task"))])
        let call = try call()
        let outcome = try await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await call.run(SystemTimeSource()) { action, arguments, _ in
                try instance.answer(action, arguments)
            }
        }.value
        #expect(outcome.code == .waitTimeout)
        #expect(call.advice.contains("cerro call cryo-1 heat stop"))
    }
}
