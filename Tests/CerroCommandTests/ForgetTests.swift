import Telemetry
import Testing

@testable import CerroCommand

/// What `cerro archive forget` says.
@Suite("forgetting an archive")
struct ForgetTests {
    private func log(_ archives: [String: WhyFacts.Position]) -> WhyFacts.Log {
        WhyFacts.Log(epoch: 5, newest: 900, byteCount: 2048, size: 1 << 20, archives: archives)
    }

    private var survey: ArchiveSurvey {
        let near = WhyFacts.Position(epoch: 5, position: 899)
        return ArchiveSurvey(
            logs: [
                .init(
                    instance: "a",
                    log: log(["dead": .init(epoch: 5, position: 100), "live": near])
                ),
                .init(instance: "b", log: log(["dead": .init(epoch: 4, position: 8)])),
            ],
            aggregators: ["live": "aggregator"],
            absent: ["c"]
        )
    }

    @Test("the list says how far behind an archive is and who writes it")
    func list() {
        #expect(
            survey.lines == [
                "archive  written by         logs         behind",
                "dead     nobody that lives     2  1,700 records",
                "live     aggregator            1       1 record",
                "not asked, since they do not answer: c; run this again when they do",
            ]
        )
        let first = survey.value["archives"]?.array?.first
        #expect(first?["behind"] == ["a": 800, "b": 900] && first?["written_by"] == .null)
    }

    @Test("an archive that somebody writes is not forgotten without a question")
    func use() {
        #expect(survey.use(of: "live")?.contains("aggregator writes now") ?? false)
        #expect(survey.use(of: "dead") == nil)
    }

    @Test("an archive that no log knows is told with those that they know, and who was not asked")
    func unknown() {
        #expect(survey.unknown("dead") == nil && survey.unknown("live") == nil)
        #expect(
            survey.unknown("nope") == """
                no log keeps anything for an archive nope; they know dead, live
                not asked, since they do not answer: c; run this again when they do
                """
        )
        let none = ArchiveSurvey(logs: [], aggregators: [:], absent: [])
        #expect(none.unknown("nope")?.hasSuffix("; they know none") == true)
    }

    @Test("the outcome tells what each log had kept, and who has to be asked again")
    func outcome() {
        var known = ForgetOutcome(instance: "a", before: survey.logs[0].log, archive: "dead")
        known.isKnown = true
        let unknown = ForgetOutcome(instance: "b", before: log([:]), archive: "dead")
        #expect(
            ForgetOutcome.lines([known, unknown], absent: ["c"]) == [
                "log  kept for it  spool",
                "a    800 records  2 KiB  forgotten",
                "b              -  2 KiB  did not know it",
                "not asked, since they do not answer: c; run this again when they do",
            ]
        )
        let value = ForgetOutcome.value([known], absent: [])
        #expect(value["logs"]?.array?.first?["records"] == 800)
    }
}
