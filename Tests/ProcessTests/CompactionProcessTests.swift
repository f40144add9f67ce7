import CerroTesting
import Foundation
import Telemetry
import Testing

@Suite("Real processes that compact", .serialized, .timeLimit(.minutes(10)))
struct CompactionProcessTests {
    private let field = "fake-1.load.n"

    // Goal: a day becomes one file under a reader that is asked all the time.
    // Method: what was recorded until now is made a day older, by the names of its files, while
    // nobody writes; the next aggregator finds a day that is over.
    @Test("an old day becomes one file, and every answer meanwhile has each sample once")
    func oldDay() async throws {
        let fake =
            "{class: FakeData, id: fake-1, start: [load], "
            + "arguments: {load: {fields: 2, rate: 500}}}"
        var plan = ProcessSite.Plan([fake])
        plan.compacts = true
        try await ProcessSite.runApart(plan) { site in
            try await site.untilArchived(2_000, of: field)
            try site.program("aggregator").kill(SIGTERM)
            #expect(try await site.program("aggregator").untilEnd() == .code(0))
            let before = try await site.numbers(field)
            let (day, count) = try Self.makeOlder(site.folder.path + "/archive")
            #expect(count > 2)
            #expect(try await site.untilArchived(before.count, of: field) == before)

            try site.begin("aggregator")
            try await eventually("\(day) is one file") {
                let numbers = try await site.numbers(field)
                #expect(numbers == Array(1...Int64(numbers.count)))
                #expect(numbers.count >= before.count)
                return try Self.sealed(in: day).count == 1 ? true : nil
            }
            let accepted = try await site.stopLoad("fake-1")
            let numbers = try await site.untilArchived(Int(accepted), of: field)
            #expect(numbers == Array(1...accepted))
            let gaps = try await site.get("api/v1/gaps?start=1")
            #expect(gaps["gaps"]?.array?.isEmpty == true, "\(gaps.json)")
            let (code, said) = try await RunningProgram.run(
                ["archive", "verify", "--directory", site.folder.path + "/archive"]
            )
            #expect(code == 0, "\(said)")
        }
    }

    private static func sealed(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder)
            .filter { $0.hasSuffix(".cerro") }
    }

    /// Gives the sealed files of the newest day the names that they would have had a day before;
    /// returns the folder of that day, and how many they are.
    private static func makeOlder(_ archive: String) throws -> (folder: String, count: Int) {
        let manager = FileManager.default
        let paths = try #require(manager.enumerator(atPath: archive)).compactMap { $0 as? String }
            .filter { $0.hasSuffix(".cerro") }.sorted()
        let newest = try #require(paths.last).split(separator: "/").dropLast()
        let calendar = ISO8601DateFormatter()
        let today = try #require(calendar.date(from: newest.joined(separator: "-") + "T00:00:00Z"))
        let before = calendar.string(from: today - 86_400).prefix(10)
        let folder = archive + "/" + before.replacing("-", with: "/")
        try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var count = 0
        for path in paths where path.hasPrefix(newest.joined(separator: "/")) {
            let parts = path.split(separator: "/")[3].split(separator: "-")
            let created = try #require(UInt64(parts[1].prefix(16), radix: 16))
            let older = String(created - 86_400_000_000_000, radix: 16)
            let name = "\(parts[0])-\(older)\(parts[1].dropFirst(16))"
            try manager.moveItem(atPath: "\(archive)/\(path)", toPath: "\(folder)/\(name)")
            count += 1
        }
        return (folder, count)
    }
}
