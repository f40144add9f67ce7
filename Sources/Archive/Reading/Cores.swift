internal import Dispatch
internal import Synchronization

/// Work that several cores do at once.
public enum Cores {
    /// The same of work that reads so many values: on the caller's thread alone where they are few.
    static func map<Element: Sendable, Failure: Error>(
        _ count: Int,
        values: Int,
        _ body: @Sendable (Int) throws(Failure) -> Element
    ) throws(Failure) -> [Element] {
        if values >= Limits.valuesForCores { return try map(count, body) }
        var elements: [Element] = []
        for index in 0..<count { elements.append(try body(index)) }
        return elements
    }

    /// The results of `body` for 0..<`count`, in that order, on at most ``Limits/cores`` threads,
    /// of which the caller's is one.
    ///
    /// After an error no further work is begun; thrown is the first one in order.
    public static func map<Element: Sendable, Failure: Error>(
        _ count: Int,
        _ body: @Sendable (Int) throws(Failure) -> Element
    ) throws(Failure) -> [Element] {
        guard count > 1 else {
            var only: [Element] = []
            for index in 0..<count { only.append(try body(index)) }
            return only
        }
        let next = Atomic(0)
        let done = Mutex<[(Int, Result<Element, Failure>)]>([])
        DispatchQueue.concurrentPerform(iterations: min(count, Limits.cores)) { _ in
            var own: [(Int, Result<Element, Failure>)] = []
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < count else { break }
                do throws(Failure) {
                    own.append((index, .success(try body(index))))
                } catch {
                    own.append((index, .failure(error)))
                    next.store(count, ordering: .relaxed)
                }
            }
            let results = own
            done.withLock { $0 += results }
        }
        let results = done.withLock { $0 }.sorted { $0.0 < $1.0 }
        var elements: [Element] = []
        elements.reserveCapacity(count)
        for (_, result) in results { elements.append(try result.get()) }
        return elements
    }
}
