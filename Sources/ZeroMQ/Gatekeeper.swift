/// Says of each peer of a context's server sockets whether it gets in.
///
/// It answers the library's questions over ZAP on the reactor; a peer that is let in has its key
/// as `User-Id` of all its messages. One a context, made before its first server socket is bound.
///
/// Source: P. Hintjens, "ZeroMQ Authentication Protocol", 27/ZAP.
public final class Gatekeeper {
    private let socket: Socket

    /// Answers by `admits`, which is called with the key that was proved and the peer's address.
    ///
    /// - Throws: ``ZeroMQError``.
    public init(
        context: Context,
        reactor: Reactor,
        admits: @escaping (PublicKey, String) -> Bool
    ) throws(ZeroMQError) {
        socket = try Socket(.reply, context: context, reactor: reactor)
        let socket = socket
        socket.onMessage = { [unowned socket] message in
            _ = socket.send(Self.answer(to: message, admits))
        }
        do throws(ZeroMQError) {
            try socket.bind(inProcess: "zeromq.zap.01")
        } catch {
            socket.close()
            throw error
        }
    }

    /// The parts: version, request, domain, address, identity, mechanism, credentials.
    private static func answer(
        to message: Message,
        _ admits: (PublicKey, String) -> Bool
    ) -> [[UInt8]] {
        let request = message.count > 1 ? Array(message[1]) : []
        func reply(_ code: String, _ text: String, user: String) -> [[UInt8]] {
            [
                Array("1.0".utf8), request, Array(code.utf8), Array(text.utf8), Array(user.utf8),
                [],
            ]
        }
        guard message.count == 7, message[0].elementsEqual("1.0".utf8),
            message[5].elementsEqual("CURVE".utf8), let key = PublicKey(bytes: message[6])
        else { return reply("400", "no key", user: "") }
        let address = String(decoding: message[3], as: UTF8.self)
        guard admits(key, address) else { return reply("400", "the key is unknown", user: "") }
        return reply("200", "", user: key.description)
    }
}
