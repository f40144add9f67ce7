import AgentClient
import AgentRuntime
import CerroTesting
import Foundation
import MessageBus
import Reader
import Telemetry
import Testing

@Suite("Damage and change", .serialized, .timeLimit(.minutes(10)))
struct DamageTests {
    // Goal: a disk turns one bit of a log that is not archived yet.
    // Method: nobody records while it happens, so that the damage lies in what is still to come.
    @Test("garbage in one log costs one record, says so, and stops nobody else")
    func garbage() async throws {
        try await Stage.run { stage in
            try await stage.beginLoad("bad")
            try await stage.beginLoad("good")
            try await stage.untilArchived(20, of: "bad")
            try await stage.perform(Action.stop, "record", on: "aggregator")
            let held = try await stage.numbers(of: "bad").count
            let archived = try newestSegment(of: "bad", in: stage).size
            let goal = Int64(held + 200)
            try await eventually("200 more messages in the log") {
                let status = try await stage.site.client.result("bad", Action.status)
                return (status["published"]?.int ?? 0) > goal ? true : nil
            }
            let accepted = try await stage.stopLoad("bad")
            await stage.site.end("bad")
            try turnOneBit(of: "bad", after: archived, in: stage)

            try await stage.beginLoad("bad")
            _ = try await stage.site.client.result(
                "aggregator",
                Action.start,
                ["operation": "record"]
            )
            let numbers = try await eventually("the second life of bad in the archive") {
                let numbers = try await stage.numbers(of: "bad")
                return numbers.dropFirst(held).contains(1) ? numbers : nil
            }
            let first = numbers.prefix { $0 <= accepted && ($0 != 1 || numbers.first == $0) }
            let end = numbers.dropFirst().firstIndex(of: 1) ?? numbers.endIndex
            let missing = Set(1...accepted).subtracting(numbers[..<end])
            #expect(missing.count == 1, "missing \(missing.sorted()), \(first.count) read")
            #expect(Set(numbers[..<end]).count == end, "none is doubled")
            let gaps = try await stage.gaps()
            #expect(gaps.contains { $0.instance == "bad" }, "\(gaps)")

            let good = try await stage.stopLoad("good")
            try await stage.expectExactlyOnce("good", good)
        }
    }

    /// Turns a bit in the last quarter of what the newest segment got since it had `start` bytes.
    private func turnOneBit(of instance: String, after start: Int, in stage: Stage) throws {
        let (path, size) = try newestSegment(of: instance, in: stage)
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        defer { try? file.close() }
        let place = UInt64(size - (size - start) / 8)
        try file.seek(toOffset: place)
        let byte = try #require(try file.read(upToCount: 1)?.first)
        try file.seek(toOffset: place)
        try file.write(contentsOf: [byte ^ 0x10])
    }

    /// The segment of a log with the most data: an epoch of this length has one.
    private func newestSegment(
        of instance: String,
        in stage: Stage
    ) throws -> (path: String, size: Int) {
        let folder = stage.site.folder.path + "/" + instance
        let files = FileManager.default
        let segments = try files.contentsOfDirectory(atPath: folder).filter {
            $0.hasSuffix(".log")
        }
        let sizes = try segments.map { name in
            let path = folder + "/" + name
            return (path, try files.attributesOfItem(atPath: path)[.size] as? Int ?? 0)
        }
        return try #require(sizes.max { $0.1 < $1.1 })
    }

    // Goal: an agent comes back with whole numbers where it had doubles, or the other way round.
    @Test("integers of an old epoch are read as doubles after a promotion")
    func promotion() async throws {
        try await Stage.run { stage in
            for type in [FieldType.int, .double] {
                try await stage.publishOnce(Field("x", type))
            }
            let values = try await eventually("both values as doubles") { () -> [Double]? in
                guard case .samples(let column) = try await stage.content("level.height.x"),
                    case .doubles(let values) = column.values, values.count == 2
                else { return nil }
                return values
            }
            #expect(values == [7, 7])
        }
    }

    @Test("a field of another type is kept apart: nothing of the old one is lost or bent")
    func otherType() async throws {
        try await Stage.run { stage in
            for type in [FieldType.int, .string] {
                try await stage.publishOnce(Field("x", type))
            }
            let texts = try await eventually("the text") { () -> [String]? in
                guard case .samples(let column) = try await stage.content("level.height.x"),
                    case .strings(let values) = column.values
                else { return nil }
                return zip(values, 0...).filter { column.isPresent($0.1) }.map(\.0)
            }
            #expect(texts == ["7"])
        }
    }
}

extension Stage {
    /// Ends the former agent and runs one that publishes 7 as whatever the field is.
    fileprivate func publishOnce(_ field: Field) async throws {
        await site.end("level")
        try await site.begin(LevelAgent(field: field), "level")
        let session = try await perform(Action.start, "publish", on: "level")
        #expect(session.success == true, "\(session.reason)")
    }
}

/// Publishes one 7 for each start.
private struct LevelAgent: Agent {
    let field: Field

    var feed: Feed { Feed("height", fields: [field]) }
    var feeds: [Feed] { [feed] }

    var operations: [AgentOperation] {
        [
            .task("publish") { [feed, field] session in
                let column: Column =
                    switch field.type {
                    case .double: .doubles([7])
                    case .int: .ints([7])
                    case .bool: .bools([true])
                    case .string: .strings(["7"])
                    }
                let block = Block(timestamps: [session.time.now], columns: [column])
                try await session.publish(feed, block)
            }
        ]
    }
}
