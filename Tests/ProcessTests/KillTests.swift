import AgentClient
import CerroTesting
import Foundation
import MessageBus
import Telemetry
import Testing

private let fake =
    "{class: FakeData, id: fake-1, start: [load], arguments: {load: {fields: 2, rate: 500}}}"

@Suite("Real processes that are killed", .serialized, .timeLimit(.minutes(10)))
struct KillTests {
    // Goal: the aggregator dies at any moment: between fetch and journal, in a commit, while it
    // seals, before it has begun.
    // Method: the moments are drawn from a seed, as numbers of messages that pass before.
    @Test("an aggregator that is killed loses nothing, doubles nothing, takes nothing back")
    func aggregator() async throws {
        let seed = UInt64.random(in: 1...UInt64.max)
        var chance = SeededGenerator(seed: seed)
        let field = "fake-1.load.n"
        try await ProcessSite.run(agents: [fake]) { site in
            try await site.untilArchived(20, of: field)
            var committed = 0
            for _ in 0..<3 {
                let until =
                    try await site.accepted(by: "fake-1")
                    + Int64.random(in: 1...600, using: &chance)
                try await eventually("\(until) messages of fake-1") {
                    try await site.accepted(by: "fake-1") >= until ? true : nil
                }
                try await site.killAndAwaitRestart("aggregator")
                let numbers = try await site.numbers(field)
                #expect(numbers.count >= committed, "seed \(seed)")
                #expect(numbers == Array((1...Int64(max(numbers.count, 1))).prefix(numbers.count)))
                committed = numbers.count
            }
            let accepted = try await site.stopLoad("fake-1")
            let numbers = try await site.untilArchived(Int(accepted), of: field)
            #expect(numbers == Array(1...accepted), "seed \(seed)")
        }
    }

    // Goal: an agent dies with its log half written, a reader with its index; then the index goes.
    @Test("a killed agent begins a new epoch; a killed reader gives the same answers without index")
    func agentAndReader() async throws {
        let field = "fake-1.load.n"
        try await ProcessSite.run(agents: [fake]) { site in
            try await site.untilArchived(100, of: field)
            let epoch = try await site.client.instance("fake-1").epoch
            let known = try await site.accepted(by: "fake-1")
            try await site.killAndAwaitRestart("fake-1")
            let later = try await eventually("the new epoch of fake-1") {
                let row = try await site.client.instance("fake-1")
                return row.state == .alive && row.epoch != epoch ? row.epoch : nil
            }
            #expect(later > epoch)
            let second = try await eventually("the end of its load") {
                try await site.stopLoad("fake-1")
            }
            let numbers = try await eventually("all of the second epoch") { () -> [Int64]? in
                let numbers = try await site.numbers(field)
                guard let start = numbers.lastIndex(of: 1), start > 0 else { return nil }
                return numbers.count - start >= second ? numbers : nil
            }
            let start = try #require(numbers.lastIndex(of: 1))
            #expect(start >= known)
            #expect(numbers == Array(1...Int64(start)) + Array(1...second))
            try await killReader(site, field)
        }
    }

    private func killReader(_ site: ProcessSite, _ field: String) async throws {
        let before = try await site.get(ProcessSite.query(field))
        let former = try await site.client.instance("reader").epoch
        try await site.killAndAwaitRestart("reader") {
            let folder = site.folder.path + "/archive"
            let files = try FileManager.default.contentsOfDirectory(atPath: folder)
                .filter { $0.hasPrefix("index.sqlite") }
            #expect(!files.isEmpty)
            for file in files { try FileManager.default.removeItem(atPath: folder + "/" + file) }
        }
        let after = try await eventually("the answer of the new reader") { () -> Value? in
            guard try await site.client.instance("reader").epoch > former else { return nil }
            let answer = try await site.get(ProcessSite.query(field))
            return answer["data"] == before["data"] ? answer : nil
        }
        #expect(before["data"]?[field]?.array?.isEmpty == false, "\(before.json.prefix(300))")
        let (times, earlier) = (after["timeline"], before["timeline"])
        #expect(
            times?["fake-1.load"]?["t"] == earlier?["fake-1.load"]?["t"],
            "\(after.json.prefix(300)) … \(after.json.suffix(500))"
        )
    }
}
