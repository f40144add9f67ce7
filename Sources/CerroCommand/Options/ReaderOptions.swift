internal import ArgumentParser
internal import SiteConfig
internal import Telemetry

/// The options of whoever asks the site's reader about a time.
struct ReaderOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Which reader, where there are several.", valueName: "instance"),
        completion: SiteCompletion.readers
    )
    var reader: String?

    @OptionGroup var range: RangeOption
    @OptionGroup var site: SiteOption

    /// Asks the reader: `body` gets the query, the range and the time that is now.
    ///
    /// The range is from `start` to `end` of now where nobody says otherwise.
    func ask<Result: Sendable>(
        from start: (Timestamp) -> Timestamp,
        to end: (Timestamp) -> Timestamp = { $0 },
        _ body: (ReaderQuery, Range<Timestamp>, Timestamp) async throws -> Result
    ) async throws -> Result {
        let site = try site.load()
        let now = SystemTimeSource().now
        let range = try range.range(at: now, from: start(now), to: end(now))
        let reader = reader
        return try await SiteConnection.with(site) { client in
            try await body(try ReaderQuery(client, site: site, instance: reader), range, now)
        }
    }
}
