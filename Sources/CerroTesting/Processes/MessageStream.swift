/// Cuts one direction of a connection between sockets of ZeroMQ into what can be lost as a whole.
///
/// Source: ZMTP 3.1 (rfc.zeromq.org/spec/37): a greeting of 64 bytes, then frames of flags (1 for
/// more frames of the message, 2 for a size of eight bytes, 4 for a command), size and body.
struct MessageStream {
    /// A whole message, or bytes that have to arrive: of the greeting, or a command.
    struct Unit: Equatable {
        var bytes: [UInt8]
        var isMessage: Bool
    }

    private static let greetingLength = 64

    private var greeted = 0
    private var pending: [UInt8] = []

    /// Takes the bytes that come next; returns what is complete by now.
    mutating func take(_ bytes: [UInt8]) -> [Unit] {
        var units: [Unit] = []
        // Either side waits for the beginning of the other's greeting before it sends the rest.
        let greeting = bytes.prefix(Self.greetingLength - greeted)
        if !greeting.isEmpty {
            greeted += greeting.count
            units.append(Unit(bytes: Array(greeting), isMessage: false))
        }
        pending += bytes.dropFirst(greeting.count)
        var start = 0
        var next = 0
        while let (flags, end) = frame(at: next) {
            next = end
            let isCommand = flags & 4 != 0
            guard isCommand || flags & 1 == 0 else { continue }
            units.append(Unit(bytes: Array(pending[start..<end]), isMessage: !isCommand))
            start = end
        }
        pending.removeFirst(start)
        return units
    }

    /// The flags and the end of the frame that begins there; nil if some of it is to come.
    private func frame(at start: Int) -> (flags: UInt8, end: Int)? {
        guard start < pending.count else { return nil }
        let flags = pending[start]
        let width = flags & 2 != 0 ? 8 : 1
        let body = start + 1 + width
        guard body <= pending.count else { return nil }
        let size = pending[start + 1..<body].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard let count = Int(exactly: size), count <= pending.count - body else { return nil }
        return (flags, body + count)
    }
}
