/// The dialogue with one iMACRT module over UDP, where answers do not say what they answer.
///
/// A reply is a bare number: one that comes late would pass for the answer to the next question.
/// So after a start, a time-out or nonsense the module has to identify itself before it is asked
/// for numbers again. An identification cannot be taken for a number, and a module answers in
/// order: all numbers that arrive before it are old and are dropped, and so are identifications
/// that arrive later. What is left is a network that lets a late number overtake an
/// identification, which a cable between two sockets does not do.
package struct IMacRTDialogue: Sendable {
    /// What a module is asked.
    package enum Question: Hashable, Sendable {
        /// Which model it is; its answer is text.
        case identity
        /// Something whose answer is a number.
        case number
    }

    /// What happens.
    package enum Event {
        /// A question goes out.
        case asked(Question)
        /// A datagram came from the module.
        case received(String)
        /// Nobody waits any longer.
        case gaveUp
    }

    /// What has to be done about it.
    package enum Action: Hashable {
        /// The open question has its answer.
        case answer(String)
        /// The open question gets no answer.
        case fail(Failure)
        /// The datagram answers nothing that is open.
        case ignore
    }

    /// Why there is no answer.
    package enum Failure: Error, Hashable {
        /// Another model, or a unit that is disconnected (`iMA…`).
        case wrong(String)
        case disconnected(String)
        case garbled(String)
        /// Numbers are asked for by whoever has not asked for the identity, or twice at a time.
        case outOfOrder
    }

    /// What the identity begins with: `MMR` or `MGC`.
    let model: String
    /// Whether numbers may be asked for.
    package private(set) var isIdentified = false
    private var open: Question?

    /// A dialogue with a module of the model `model`, its first three letters.
    package init(model: String) {
        self.model = model
    }

    /// Takes one event in.
    package mutating func handle(_ event: Event) -> Action {
        switch event {
        case .asked(let question):
            guard open == nil, question == .identity || isIdentified else {
                return fail(.outOfOrder)
            }
            if question == .identity { isIdentified = false }
            open = question
            return .ignore
        case .received(let datagram):
            return receive(Text.trimmed(datagram))
        case .gaveUp:
            guard open != nil else { return .ignore }
            return fail(.garbled(""))
        }
    }

    private mutating func receive(_ text: String) -> Action {
        let isNumber = Text.number(text) != nil
        switch open {
        case nil: return .ignore
        case .number:
            if text.hasPrefix(model) { return .ignore }
            return isNumber ? answer(text) : fail(.garbled(text))
        case .identity:
            if isNumber { return .ignore }
            if text.hasPrefix(model) {
                isIdentified = true
                return answer(text)
            }
            if text.hasPrefix("iMA") { return fail(.disconnected(text)) }
            let name = text.prefix(3)
            let isName = name.count == 3 && name.allSatisfy { $0.isASCII && $0.isLetter }
            return fail(isName ? .wrong(text) : .garbled(text))
        }
    }

    private mutating func answer(_ text: String) -> Action {
        open = nil
        return .answer(text)
    }

    private mutating func fail(_ failure: Failure) -> Action {
        open = nil
        isIdentified = false
        return .fail(failure)
    }
}
