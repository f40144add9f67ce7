public import SiteConfig
public import ZeroMQ

/// Why there are no keys, or no table of who may do what.
public enum AccessError: Error, Sendable, CustomStringConvertible {
    /// There is no such file; `advice` says what makes it.
    case missing(path: String, advice: String)
    /// Others may read or change the file or folder.
    case exposed(path: String, mode: String, advice: String)
    /// The file holds something else than a key.
    case noKey(path: String)
    /// There is a file already, which is never written over.
    case exists(path: String)
    /// The content of `access.yaml` is wrong.
    case invalid(SiteError)
    /// The system refused a call.
    case failed(path: String, call: String, reason: String)
    /// No key can be made.
    case library(ZeroMQError)

    /// Where, what was found, what was expected and what to do; never a secret.
    public var description: String {
        switch self {
        case .missing(let path, let advice): "\(path) is not there: \(advice)"
        case .exposed(let path, let mode, let advice):
            "\(path) has the mode \(mode), by which others than its owner may use it: run "
                + "`\(advice)`, and make a new key if somebody may have read it"
        case .noKey(let path):
            "\(path) holds no key, which is one line of 64 hexadecimal digits: restore it, or "
                + "delete it and make a new one with `cerro keys`"
        case .exists(let path): "\(path) is there already and is not written over"
        case .invalid(let error): error.description
        case .failed(let path, let call, let reason): "\(path): \(call) failed: \(reason)"
        case .library(let error): error.description
        }
    }
}
