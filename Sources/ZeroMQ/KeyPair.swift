internal import CZeroMQ

/// A public Curve25519 key; no secret.
public struct PublicKey: Hashable, Sendable, CustomStringConvertible {
    /// How many bytes it has.
    public static let byteCount = 32
    /// The characters of its text.
    public static let characterCount = 40

    /// The key in Z85: 40 characters, among them `$`, `#` and brackets, none of them `"` or `\`.
    ///
    /// Source: P. Hintjens, "Z85 - ZeroMQ Base-85 Encoding Algorithm", 32/Z85.
    public let z85: String
    let bytes: [UInt8]

    /// Reads 40 characters of Z85; nil where they are none.
    public init?(z85: String) {
        guard let bytes = Z85.decode(z85) else { return nil }
        self.z85 = z85
        self.bytes = bytes
    }

    /// The key of 32 bytes; nil where they are not so many.
    init?(bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        self.init(z85: Z85.encode(Array(bytes)))
    }

    /// The key in Z85.
    public var description: String { z85 }
}

/// A secret Curve25519 key and the public one that follows from it.
///
/// Neither its description nor its mirror shows the secret.
public struct KeyPair: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    /// What others may know.
    public let publicKey: PublicKey
    /// What nobody else may know, in Z85; for the file of the key only.
    public let secret: String
    let secretBytes: [UInt8]

    /// A new pair, from the system's random numbers.
    ///
    /// - Throws: ``ZeroMQError/library(call:reason:)`` where libzmq was built without CURVE.
    public static func random() throws(ZeroMQError) -> KeyPair {
        var publicText = [CChar](repeating: 0, count: PublicKey.characterCount + 1)
        var secretText = publicText
        guard zmq_curve_keypair(&publicText, &secretText) == 0 else {
            throw .last("zmq_curve_keypair")
        }
        guard let pair = KeyPair(secret: Z85.text(secretText)) else {
            throw .library(call: "zmq_curve_keypair", reason: "what it makes is no key")
        }
        return pair
    }

    /// The pair of a secret key in Z85; nil where it is none.
    public init?(secret: String) {
        guard let bytes = Z85.decode(secret) else { return nil }
        var text = [CChar](repeating: 0, count: PublicKey.characterCount + 1)
        guard zmq_curve_public(&text, secret) == 0, let key = PublicKey(z85: Z85.text(text)) else {
            return nil
        }
        publicKey = key
        self.secret = secret
        secretBytes = bytes
    }

    /// The public key.
    public var description: String { "the key pair of \(publicKey)" }

    /// Shows the public key only.
    public var customMirror: Mirror { Mirror(self, children: ["publicKey": publicKey]) }

    /// Two pairs are one if their public keys are.
    public static func == (left: KeyPair, right: KeyPair) -> Bool {
        left.publicKey == right.publicKey
    }

    /// Hashes the public key.
    public func hash(into hasher: inout Hasher) { hasher.combine(publicKey) }
}

/// Bytes as text and back, by the library's functions.
enum Z85 {
    /// The 32 bytes that 40 characters stand for; nil where the text is anything else.
    static func decode(_ text: String) -> [UInt8]? {
        guard text.utf8.count == PublicKey.characterCount, text.utf8.allSatisfy({ $0 > 0x20 })
        else { return nil }
        var bytes = [UInt8](repeating: 0, count: PublicKey.byteCount)
        guard zmq_z85_decode(&bytes, text) != nil else { return nil }
        // The library takes characters that it would never write.
        return encode(bytes) == text ? bytes : nil
    }

    static func encode(_ bytes: [UInt8]) -> String {
        var text = [CChar](repeating: 0, count: bytes.count / 4 * 5 + 1)
        zmq_z85_encode(&text, bytes, bytes.count)
        return self.text(text)
    }

    static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
