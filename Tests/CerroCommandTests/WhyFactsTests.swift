import Telemetry
import Testing

@testable import CerroCommand

@Suite("what cerro why knows")
struct WhyFactsTests {
    private let field = FieldName(instance: "cryo-1", feed: "temps", field: "stage")

    @Test("an aggregator that the site file has no more, and that has ended, is no link to it")
    func takenOut() {
        var facts = WhyFacts(field: field, now: Timestamp(seconds: 100_000))
        facts.declared = [
            .init(instance: "aggregator", className: "Aggregator", host: "server")
        ]
        var mirror = InstanceRow(instance: "mirror", className: "Aggregator", host: "server")
        mirror.state = .stopped
        facts.rows = [mirror]
        #expect(facts.instances(of: "Aggregator") == ["aggregator"])
        facts.rows[0].state = .alive
        #expect(facts.instances(of: "Aggregator") == ["aggregator", "mirror"])
    }

    @Test("who was never started was not stopped")
    func neverStarted() {
        var facts = WhyFacts(field: field, now: Timestamp(seconds: 100_000))
        var row = InstanceRow(instance: "cryo-1", className: "Cryostat", host: "server")
        row.state = .stopped
        facts.rows = [row]
        let step = WhyDiagnosis.agent(facts)
        #expect(step.text == "cryo-1 of host server was never started")
        #expect(step.since == nil && step.advice.contains("cerro host start cryo-1"))
        facts.rows[0].seen = Timestamp(seconds: 99_000)
        #expect(WhyDiagnosis.agent(facts).text.contains("was stopped"))
    }
}
