internal import CZeroMQ

/// A public Curve25519 key; no secret.
///
/// It is written as 64 hexadecimal digits: they need no quotes in YAML, shells and addresses, as
/// the library's own Z85 does.
public struct PublicKey: Hashable, Sendable, CustomStringConvertible {
    /// How many bytes it has.
    public static let byteCount = 32
    let bytes: [UInt8]

    /// Reads 64 hexadecimal digits; nil where they are none.
    public init?(_ text: String) {
        guard let bytes = Hexadecimal.bytes(text) else { return nil }
        self.bytes = bytes
    }

    /// The key of 32 bytes; nil where they are not so many.
    init?(bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = Array(bytes)
    }

    /// The key as 64 hexadecimal digits, in small letters.
    public var description: String { Hexadecimal.text(bytes) }
}

/// A secret Curve25519 key and the public one that follows from it.
///
/// Neither its description nor its mirror shows the secret.
public struct KeyPair: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    /// What others may know.
    public let publicKey: PublicKey
    let secretBytes: [UInt8]

    /// A new pair, from the system's random numbers.
    ///
    /// - Throws: ``ZeroMQError/library(call:reason:)`` where libzmq was built without CURVE.
    public static func random() throws(ZeroMQError) -> KeyPair {
        var publicText = [CChar](repeating: 0, count: Z85.characterCount + 1)
        var secretText = publicText
        guard zmq_curve_keypair(&publicText, &secretText) == 0 else {
            throw .last("zmq_curve_keypair")
        }
        return KeyPair(publicKey: Z85.decode(publicText), secretBytes: Z85.decode(secretText))
    }

    private init(publicKey: [UInt8], secretBytes: [UInt8]) {
        guard let key = publicKey.withUnsafeBytes({ PublicKey(bytes: $0) }) else {
            preconditionFailure("the library makes keys of 32 bytes")
        }
        self.publicKey = key
        self.secretBytes = secretBytes
    }

    /// The pair of a secret key in 64 hexadecimal digits; nil where it is none.
    public init?(secret: String) {
        guard let bytes = Hexadecimal.bytes(secret) else { return nil }
        var text = [CChar](repeating: 0, count: Z85.characterCount + 1)
        guard zmq_curve_public(&text, Z85.encode(bytes)) == 0 else { return nil }
        self.init(publicKey: Z85.decode(text), secretBytes: bytes)
    }

    /// What nobody else may know, in 64 hexadecimal digits; for the file of the key only.
    public var secret: String { Hexadecimal.text(secretBytes) }

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

/// What the library takes and gives instead of bytes.
///
/// Source: P. Hintjens, "Z85 - ZeroMQ Base-85 Encoding Algorithm", 32/Z85.
private enum Z85 {
    static let characterCount = PublicKey.byteCount / 4 * 5

    static func decode(_ text: [CChar]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: PublicKey.byteCount)
        zmq_z85_decode(&bytes, text)
        return bytes
    }

    static func encode(_ bytes: [UInt8]) -> [CChar] {
        var text = [CChar](repeating: 0, count: characterCount + 1)
        zmq_z85_encode(&text, bytes, bytes.count)
        return text
    }
}

private enum Hexadecimal {
    private static let digits = Array("0123456789abcdef".utf8)

    static func text(_ bytes: [UInt8]) -> String {
        let letters = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: letters, as: UTF8.self)
    }

    /// The 32 bytes that 64 small digits stand for; nil where the text is anything else.
    static func bytes(_ text: String) -> [UInt8]? {
        let values = text.utf8.compactMap { digits.firstIndex(of: $0) }
        guard text.utf8.count == PublicKey.byteCount * 2, values.count == text.utf8.count else {
            return nil
        }
        return stride(from: 0, to: values.count, by: 2).map {
            UInt8(values[$0] << 4 | values[$0 + 1])
        }
    }
}
