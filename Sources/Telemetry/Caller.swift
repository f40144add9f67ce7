/// Who asks for something, and what is known of that.
public struct Caller: Hashable, Sendable {
    /// What stands behind the name.
    public enum Proof: Hashable, Sendable {
        /// Nothing: a process of this machine says so.
        case local
        /// The key that the handshake proved, as 64 hexadecimal digits.
        case key(String)
        /// A token of HTTP, by its id, which is no secret.
        case token(String)
    }

    /// The name in `access.yaml`, or the one that is claimed.
    public var name: String
    /// What stands behind the name.
    public var proof: Proof
    /// The address that the request came from; nil where it is not known.
    public var address: String?

    /// Somebody who asks.
    public init(name: String, proof: Proof, address: String? = nil) {
        self.name = name
        self.proof = proof
        self.address = address
    }
}

extension Caller: CustomStringConvertible {
    /// The name with its proof, as `alice (key 3f0c12ab…)` or `local, claimed alice, unproven`.
    public var description: String {
        switch proof {
        case .local: "local, claimed \(name), unproven"
        case .key(let key): "\(name) (key \(key.prefix(8))…)"
        case .token(let id): "\(name) (token \(id))"
        }
    }
}
