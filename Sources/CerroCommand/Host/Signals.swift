internal import Dispatch
internal import Foundation

/// Ends work in good order when a person or a supervisor asks for it.
enum Signals {
    /// Runs `body` and cancels it at the first Ctrl-C or SIGTERM; the second one ends the process.
    ///
    /// - Returns: what `body` returned, and whether it was told to end.
    static func cancelling<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> (result: Result, wasToldToEnd: Bool) {
        let (signals, continuation) = AsyncStream.makeStream(
            of: Void.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler {
                signal(SIGINT, SIG_DFL)
                signal(SIGTERM, SIG_DFL)
                continuation.yield()
            }
            source.activate()
            return source
        }
        defer { sources.forEach { $0.cancel() } }
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                for await _ in signals { break }
                return nil
            }
            var wasToldToEnd = false
            while let outcome = try await group.next() {
                if let result = outcome {
                    group.cancelAll()
                    return (result, wasToldToEnd)
                }
                wasToldToEnd = true
                group.cancelAll()
            }
            throw CancellationError()
        }
    }
}
