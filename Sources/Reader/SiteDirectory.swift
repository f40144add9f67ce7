public import Telemetry

/// Who lives at the site, as the registry's table has it.
public protocol SiteDirectory: Sendable {
    /// The agents as a value; its form is the registry's, and goes into JSON as it stands.
    ///
    /// - Throws: why the table is not known.
    func agents() async throws -> Value
}
