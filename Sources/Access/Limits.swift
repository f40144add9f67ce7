/// The bounds of this target, each with what happens there.
public enum AccessLimits {
    /// The most entries of each section of `access.yaml`; with more the file is refused.
    public static let mostEntries = 10_000
    /// The longest secret or public key file, in bytes; a longer one is no key.
    public static let keyFileBytes = 256
}
