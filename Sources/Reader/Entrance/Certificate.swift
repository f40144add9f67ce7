internal import Glibc
internal import NIOSSL
internal import SiteConfig

/// The files of a certificate as a server needs them.
enum Certificate {
    /// Reads them; nothing of what is in the key gets into an error.
    ///
    /// - Throws: ``ReaderError/certificate(_:reason:)``.
    static func configuration(_ files: TLSFiles) throws(ReaderError) -> TLSConfiguration {
        let chain: [NIOSSLCertificate]
        do { chain = try NIOSSLCertificate.fromPEMFile(files.certificate) } catch {
            throw .certificate(files.certificate, reason: reason(files.certificate, "certificate"))
        }
        guard !chain.isEmpty else {
            throw .certificate(files.certificate, reason: "it holds no certificate in PEM")
        }
        var status = stat()
        // What others may read is no secret any more.
        if stat(files.key, &status) == 0, status.st_mode & 0o007 != 0 {
            throw .certificate(
                files.key,
                reason: "everybody on the machine may read it: `chmod 600 \(files.key)`"
            )
        }
        let key: NIOSSLPrivateKey
        do { key = try NIOSSLPrivateKey(file: files.key, format: .pem) } catch {
            throw .certificate(files.key, reason: reason(files.key, "private key"))
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        do { _ = try NIOSSLContext(configuration: configuration) } catch {
            throw .certificate(
                files.key,
                reason: "it is not the key of the certificate \(files.certificate)"
            )
        }
        return configuration
    }

    private static func reason(_ path: String, _ what: String) -> String {
        guard access(path, R_OK) == 0 else { return String(cString: strerror(errno)) }
        return "it holds no \(what) in PEM"
    }
}
