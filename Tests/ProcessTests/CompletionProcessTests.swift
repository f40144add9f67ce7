import CerroTesting
import Testing

@Suite("What a shell offers of a site that runs", .serialized, .timeLimit(.minutes(10)))
struct CompletionProcessTests {
    /// What is offered for the last word.
    private func offered(
        _ place: String,
        _ words: [String],
        _ site: ProcessSite
    ) async throws -> [String] {
        let line = ["cerro", words[0], "--site", site.file] + words.dropFirst()
        let (code, output) = try await RunningProgram.run(
            ["---completion", words[0], "--", place]
                + ["\(line.count - 1)", "\(line.last?.count ?? 0)"] + line
        )
        #expect(code == 0)
        return output.split(separator: "\n").map(String.init)
    }

    @Test("instances, operations, parameters and fields are those of the site")
    func offers() async throws {
        let plan = ProcessSite.Plan(["{class: FakeData, id: fake-1, start: [count]}"])
        try await ProcessSite.runApart(plan) { site in
            try await site.untilArchived(1, of: "fake-1.counter.n")
            // The limit of a shell is short, and this machine may be busy: Tab is pressed again.
            func eventually(_ place: String, _ words: String..., offers: [String]) async throws {
                try await CerroTesting.eventually("\(words) offers \(offers)") {
                    try await offered(place, words, site) == offers ? true : nil
                }
            }
            try await eventually("positional@0", "call", "fa", offers: ["fake-1"])
            try await eventually("positional@0", "describe", "a", offers: ["aggregator"])
            try await eventually("positional@1", "call", "fake-1", "c", offers: ["count"])
            try await eventually(
                "positional@2",
                "call",
                "fake-1",
                "delay_task",
                "s",
                offers: ["start", "stop", "status", "succeed=true", "succeed=false"]
            )
            try await eventually("positional@0", "get", "fake-1.cou", offers: ["fake-1.counter.n"])
            try await eventually("--host", "up", "h", offers: ["here"])
        }
    }
}
