internal import Logging
internal import NIOCore
internal import NIOSSL
internal import SiteConfig
internal import Synchronization

/// The certificate that new connections are shown: the files as they are, once they fit together.
///
/// Whoever renews a certificate writes two files, one after the other. What cannot be used is told
/// once, and the one before it stays in use.
final class CertificateRenewal: Sendable {
    private struct State {
        var watches: [FileWatch]
        var current = NIOSSLContextConfigurationOverride.noChanges
    }

    private let files: TLSFiles
    private let logger: Logger
    private let state: Mutex<State>

    /// Looks at the files from now on.
    init(of files: TLSFiles, logger: Logger) {
        self.files = files
        self.logger = logger
        state = Mutex(State(watches: [FileWatch(files.certificate), FileWatch(files.key)]))
    }

    /// The files as they are now, and for each connection as they are then.
    ///
    /// - Throws: ``ReaderError/certificate(_:reason:)``.
    func configuration() throws(ReaderError) -> TLSConfiguration {
        var configuration = try Certificate.configuration(files)
        configuration.sslContextCallback = { _, promise in
            // Behind the handshake's step, which would take an error of reading for its own.
            promise.futureResult.eventLoop.execute { promise.succeed(self.current()) }
        }
        return configuration
    }

    private func current() -> NIOSSLContextConfigurationOverride {
        state.withLock { state in
            var isChanged = false
            // Each of them, or the second one would be noticed later.
            for place in state.watches.indices where state.watches[place].look() {
                isChanged = true
            }
            if isChanged { renew(&state.current) }
            return state.current
        }
    }

    private func renew(_ current: inout NIOSSLContextConfigurationOverride) {
        do throws(ReaderError) {
            let read = try Certificate.configuration(files)
            current.certificateChain = read.certificateChain
            current.privateKey = read.privateKey
            logger.notice("renewed certificate", metadata: ["file": "\(files.certificate)"])
        } catch {
            logger.warning(
                "renewed certificate is not used, the one before it is",
                metadata: ["reason": "\(error)"]
            )
        }
    }
}
