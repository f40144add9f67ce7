/// Decides what goes out instead of the reply that an instrument would give.
struct FaultyReplies: Sendable {
    /// What goes out.
    enum Action: Hashable {
        case send(String)
        /// Without the end of the line.
        case sendRaw(String)
        case close
    }

    /// How it fails at present.
    var fault = EmulatedFault.none
    private var held: String?

    /// What follows a question; `reply` is nil for commands, which have none.
    ///
    /// A reply that was held back goes out before the next one even when all is well again: the
    /// worst moment that a network can choose.
    mutating func actions(for reply: String?) -> [Action] {
        let before = held.map { [Action.send($0)] } ?? []
        guard fault != .reset else { return [.close] }
        guard let reply else { return [] }
        switch fault {
        case .none, .wrong:
            held = nil
            return before + [.send(reply)]
        case .late:
            held = reply
            return before
        case .silence, .reset: return []
        case .garbage: return [.send("#?\u{7}@~\(reply.reversed())~")]
        case .endless: return [.sendRaw(String(repeating: "9", count: 8000))]
        case .cut: return [.sendRaw(String(reply.prefix(reply.count / 2)))]
        }
    }

    /// A new connection: what an old one still owes goes nowhere.
    mutating func connected() { held = nil }
}
