internal import Glibc
internal import SiteConfig
public import ZeroMQ

/// The folder of a site's keys on one machine.
///
/// - `NAME.secret`: one line, the secret key of an instance or person; mode 0600. It is read by the
///   process that speaks under that name and leaves the machine only if its owner moves.
/// - `registry.key`: one line, the registry's public key, which everybody pins.
/// - `access.yaml`: whose public keys get in, and what each may do; see ``AccessTable``.
///
/// The public half of a secret key follows from it, so no pair can come apart.
public struct KeyFolder: Sendable {
    /// The folder.
    public let path: String

    /// The keys in the folder at `path`, which may not be there yet.
    public init(_ path: String) { self.path = path }

    /// The file of access.
    public var accessFile: String { path + "/access.yaml" }
    /// The file of the registry's public key.
    public var registryFile: String { path + "/registry.key" }

    /// The file of the secret key of `name`.
    public func secretFile(of name: String) -> String { "\(path)/\(name).secret" }

    /// The key pair of `name`.
    ///
    /// - Throws: ``AccessError``; ``AccessError/exposed(path:mode:advice:)`` where others may read
    ///   the file.
    public func pair(of name: String) throws(AccessError) -> KeyPair {
        let file = secretFile(of: name)
        return try Self.pair(
            inFile: file,
            advice: "`cerro keys init` makes those of instances, on the host that keeps "
                + "access.yaml; copy it here, with its mode"
        )
    }

    /// The key pair in a file elsewhere; `advice` is for where there is none.
    ///
    /// - Throws: ``AccessError``.
    public static func pair(
        inFile file: String,
        advice: String
    ) throws(AccessError) -> KeyPair {
        let text = try KeyFile.read(
            file,
            most: AccessLimits.keyFileBytes,
            forbidden: 0o077,
            repair: "chmod 600 \(file)",
            advice: advice
        )
        guard let pair = KeyPair(secret: text.trimmed) else { throw .noKey(path: file) }
        return pair
    }

    /// Makes a key pair for `name` and writes its file.
    ///
    /// - Throws: ``AccessError/exists(path:)`` where it has one; ``AccessError``.
    public func makePair(for name: String) throws(AccessError) -> KeyPair {
        let pair: KeyPair
        do throws(ZeroMQError) { pair = try .random() } catch { throw .library(error) }
        try KeyFile.makeFolder(path)
        try KeyFile.create(secretFile(of: name), pair.secret + "\n", mode: 0o600)
        return pair
    }

    /// Deletes the secret key of `name`; one that is not there is no error.
    public func removePair(of name: String) { unlink(secretFile(of: name)) }

    /// Whether the secret key of `name` is here.
    public func hasPair(of name: String) -> Bool { access(secretFile(of: name), F_OK) == 0 }

    /// The registry's public key, which clients pin.
    ///
    /// - Throws: ``AccessError``.
    public func registryKey() throws(AccessError) -> PublicKey {
        let text = try KeyFile.read(
            registryFile,
            most: AccessLimits.keyFileBytes,
            forbidden: 0o022,
            repair: "chmod 644 \(registryFile)",
            advice: "copy it from the registry's host, where `cerro keys init` makes it"
        )
        guard let key = PublicKey(text.trimmed) else { throw .noKey(path: registryFile) }
        return key
    }

    /// Writes the registry's public key.
    ///
    /// - Throws: ``AccessError``.
    public func write(registryKey key: PublicKey) throws(AccessError) {
        try KeyFile.replace(registryFile, key.description + "\n", mode: 0o644)
    }

    /// Who may do what.
    ///
    /// - Throws: ``AccessError``.
    public func table() throws(AccessError) -> AccessTable {
        let text = try KeyFile.read(
            accessFile,
            most: SiteConfig.Limits.fileBytes,
            forbidden: 0o022,
            repair: "chmod 644 \(accessFile)",
            advice: "`cerro keys init` makes it on the registry's host; copy it from there"
        )
        do throws(SiteError) {
            return try AccessTable.read(text, file: accessFile)
        } catch {
            throw .invalid(error)
        }
    }

    /// Runs `body` while no other process changes the table: whoever reads it, changes it and
    /// writes it does all of that in here.
    ///
    /// - Throws: ``AccessError`` where the folder cannot be locked, and what `body` throws.
    public func alone<Result>(_ body: () throws -> Result) throws -> Result {
        try KeyFile.makeFolder(path)
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(folder) }
        while flock(folder, LOCK_EX) != 0 {
            guard errno == EINTR else {
                throw AccessError.failed(
                    path: path,
                    call: "flock",
                    reason: String(cString: strerror(errno))
                )
            }
        }
        return try body()
    }

    /// Writes who may do what, in one step.
    ///
    /// - Throws: ``AccessError``.
    public func write(_ table: AccessTable) throws(AccessError) {
        try KeyFile.makeFolder(path)
        try KeyFile.replace(accessFile, table.text, mode: 0o644)
    }
}

extension String {
    fileprivate var trimmed: String { filter { !$0.isWhitespace } }
}
