/// The dialogue on one TCP connection: one question at most is open, each has one line as answer.
///
/// A line that nobody asked for could be taken for the next answer, and so could the rest of one;
/// both end the connection, as does a line without an end.
package struct LineDialogue: Sendable {
    /// What happens to a connection.
    package enum Event {
        /// A question goes out.
        case asked
        /// Bytes came in.
        case received([UInt8])
        /// The connection is gone.
        case closed
    }

    /// What has to be done about it.
    package enum Action: Hashable {
        /// The open question has its answer, without line end.
        case answer(String)
        /// The open question, if any, gets no answer.
        case fail(Failure)
        /// The connection ends.
        case close
    }

    /// Why there is no answer.
    package enum Failure: Error, Hashable, CustomStringConvertible {
        case closed, endless, unasked, busy

        package var description: String {
            switch self {
            case .closed: "the connection was closed"
            case .endless: "a line went beyond \(Limits.longestReply) bytes"
            case .unasked: "there was a line that nobody had asked for"
            case .busy: "another question was open"
            }
        }
    }

    /// A dialogue on a connection that was just made.
    package init() {}

    private var rest: [UInt8] = []
    private var isWaiting = false
    private var isClosed = false

    /// Takes one event in; the actions are carried out in their order.
    package mutating func handle(_ event: Event) -> [Action] {
        switch event {
        case .asked:
            if isClosed { return [.fail(.closed)] }
            if isWaiting { return end(.busy) }
            if !rest.isEmpty { return end(.unasked) }
            isWaiting = true
            return []
        case .received(let bytes):
            return isClosed ? [] : receive(bytes)
        case .closed:
            let actions: [Action] = isWaiting ? [.fail(.closed)] : []
            isWaiting = false
            isClosed = true
            return actions
        }
    }

    private mutating func receive(_ bytes: [UInt8]) -> [Action] {
        var actions: [Action] = []
        for byte in bytes {
            guard byte == 0x0A else {
                rest.append(byte)
                if rest.count > Limits.longestReply { return actions + end(.endless) }
                continue
            }
            guard isWaiting else { return actions + end(.unasked) }
            if rest.last == 0x0D { rest.removeLast() }
            actions.append(.answer(String(decoding: rest, as: UTF8.self)))
            rest.removeAll(keepingCapacity: true)
            isWaiting = false
        }
        return actions
    }

    private mutating func end(_ failure: Failure) -> [Action] {
        rest = []
        isWaiting = false
        isClosed = true
        return [.fail(failure), .close]
    }
}
