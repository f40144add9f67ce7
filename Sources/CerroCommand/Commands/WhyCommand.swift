internal import AgentClient
internal import ArgumentParser
internal import SiteConfig
internal import Telemetry

/// `cerro why`: where on its way from the instrument to an answer a field stops.
struct WhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Walks the way of a field and names the first step that is broken.",
        discussion: """
            The steps: instrument, agent, log, link (aggregator to log), journal, seal, index \
            (reader), query. Each is fine, broken, or unknown where nobody could be asked; below \
            stand the first broken one, since when, and what to do. Exits with 1 if one is broken.
            """
    )

    @Argument(
        help: "The full name: instance.feed.field.",
        completion: SiteCompletion.fields
    )
    var field: String

    @OptionGroup var site: SiteOption
    @OptionGroup var format: FormatOption

    func validate() throws {
        guard FieldName(field) != nil else {
            throw ValidationError(
                "`\(field)` is no full name of a field; expected instance.feed.field, as "
                    + "`cerro fields` and `cerro describe INSTANCE` write it"
            )
        }
    }

    func run() async throws {
        guard let name = FieldName(field) else { return }
        let site = try site.load()
        let now = SystemTimeSource().now
        let report = try await SiteConnection.with(site) { client in
            WhyDiagnosis.report(try await WhyFacts.gather(name, client, site, now: now))
        }
        let console = Console.current
        if format.isJSON {
            console.answer(report.value.json)
        } else {
            for line in report.lines(now: now, console) { console.answer(line) }
        }
        guard report.broken == nil else { throw CommandFailure(.failed, "") }
    }
}
