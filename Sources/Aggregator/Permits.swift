/// A bounded number of things that may be under way at one time; who comes later waits in line.
actor Permits {
    private var free: Int
    private var line: [CheckedContinuation<Void, Never>] = []

    init(_ count: Int) {
        free = count
    }

    /// Waits for a permit and holds it during `body`.
    nonisolated func holding<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        await take()
        do {
            let result = try await body()
            await give()
            return result
        } catch {
            await give()
            throw error
        }
    }

    private func take() async {
        guard free == 0 else {
            free -= 1
            return
        }
        await withCheckedContinuation { line.append($0) }
    }

    private func give() {
        guard line.isEmpty else { return line.removeFirst().resume() }
        free += 1
    }
}
