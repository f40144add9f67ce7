internal import ArgumentParser
internal import Foundation
internal import Telemetry

/// `cerro doctor`: what would keep this host from its part in the site, and what to do.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Looks at this host and its way to the site, and says what to do.",
        discussion: """
            Site file, names, ports, keys, clocks, disks, limits, the page's files, versions, and \
            a handshake with both sockets of every instance. It changes nothing. Exits with 1 if \
            something is bad; a warning is for somebody to look at. Run it as the user who runs \
            the instances (sudo -u cerro), before the first start and whenever in doubt.
            """
    )

    @OptionGroup var site: SiteOption

    @OptionGroup var host: HostOption

    @OptionGroup var format: FormatOption

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        var facts = DoctorFacts.here(
            path: try site.path(environment: environment),
            host: host.name(environment: environment),
            environment: environment
        )
        await facts.ask(time: SystemTimeSource())
        let report = DoctorDiagnosis.report(facts)
        let console = Console.current
        if format.isJSON {
            console.answer(report.value.json)
        } else {
            for line in report.lines(console) { console.answer(line) }
        }
        guard report.isFine else { throw CommandFailure(.failed, "") }
    }
}
