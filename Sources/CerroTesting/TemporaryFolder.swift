internal import Foundation

/// A folder of its own for one test, removed with everything in it when the test lets go of it.
public final class TemporaryFolder: Sendable {
    /// The folder, an absolute path.
    public let path: String

    /// Makes an empty folder below the system's temporary one.
    public init() throws {
        let place = FileManager.default.temporaryDirectory
            .appendingPathComponent("cerro-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        path = place.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
