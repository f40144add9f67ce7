internal import Crypto

/// What somebody shows to the reader: an id, which is no secret, and a secret of 256 random bits.
///
/// Written `cerro_<id>_<secret>`, so that one that was left somewhere is recognised. The table
/// keeps the SHA-256 of the secret: with so many random bits nobody finds the secret of a hash,
/// however fast the hash is.
public struct AccessToken: Sendable {
    /// What the token is called in logs and in the audit: 8 hexadecimal digits.
    public let id: String
    private let secret: String

    /// Characters of an id and of a secret, both hexadecimal digits.
    private static let idLength = 8, secretLength = 64

    /// A new token.
    public static func random() -> AccessToken {
        var generator = SystemRandomNumberGenerator()
        let words = (0..<4).map { _ in generator.next() as UInt64 }
        let secret = words.map { hexadecimal($0, 16) }.joined()
        return AccessToken(
            id: hexadecimal(UInt64(UInt32.random(in: .min ... .max, using: &generator)), idLength),
            secret: secret
        )
    }

    private init(id: String, secret: String) {
        self.id = id
        self.secret = secret
    }

    /// Reads a token as it is shown; nil if it is none.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "cerro", Self.areDigits(parts[1], Self.idLength),
            Self.areDigits(parts[2], Self.secretLength)
        else { return nil }
        self.init(id: String(parts[1]), secret: String(parts[2]))
    }

    /// The token in full, to be shown once to whoever it is for.
    public var text: String { "cerro_\(id)_\(secret)" }

    /// What is kept of it: `sha256:` and 64 hexadecimal digits.
    public var hash: String {
        "sha256:"
            + SHA256.hash(data: Array(secret.utf8)).map { Self.hexadecimal(UInt64($0), 2) }.joined()
    }

    /// Whether `hash` is that of this token; takes as long for any hash of the same length.
    public func matches(_ hash: String) -> Bool {
        let (own, other) = (Array(self.hash.utf8), Array(hash.utf8))
        guard own.count == other.count else { return false }
        return zip(own, other).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private static func areDigits(_ text: some StringProtocol, _ count: Int) -> Bool {
        text.utf8.count == count
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    private static func hexadecimal(_ value: UInt64, _ count: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: count - digits.count) + digits
    }
}

extension AccessToken: CustomStringConvertible, CustomReflectable {
    /// The id: a token in a message or a log is no secret.
    public var description: String { "token \(id)" }

    /// The id alone, for whoever looks into it.
    public var customMirror: Mirror { Mirror(self, children: ["id": id]) }
}
