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
            let unlucky = Int64(held + 100)
            let goal = unlucky + 100
            try await eventually("200 more messages in the log") {
                let status = try await stage.site.client.result("bad", Action.status)
                return (status["published"]?.int ?? 0) > goal ? true : nil
            }
            let accepted = try await stage.stopLoad("bad")
            await stage.site.end("bad")
            try turnOneBit(of: unlucky, by: "bad", in: stage)

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
            let end = numbers.dropFirst().firstIndex(of: 1) ?? numbers.endIndex
            #expect(Set(1...accepted).subtracting(numbers[..<end]) == [unlucky])
            #expect(Set(numbers[..<end]).count == end, "none is doubled")
            let gaps = try await stage.gaps()
            #expect(gaps.contains { $0.instance == "bad" }, "\(gaps)")

            let good = try await stage.stopLoad("good")
            try await stage.expectExactlyOnce("good", good)
        }
    }

    /// Turns a bit in the record with this number, of which its bytes are found.
    private func turnOneBit(of number: Int64, by instance: String, in stage: Stage) throws {
        let folder = stage.site.folder.path + "/" + instance
        let wanted = withUnsafeBytes(of: number.littleEndian) { Data($0) }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        for path in names.filter({ $0.hasSuffix(".log") }).map({ folder + "/" + $0 }) {
            let file = try #require(FileHandle(forUpdatingAtPath: path))
            defer { try? file.close() }
            guard let place = try file.readToEnd()?.range(of: wanted)?.lowerBound else { continue }
            try file.seek(toOffset: UInt64(place))
            try file.write(contentsOf: [wanted[0] ^ 0x10])
            return
        }
        Issue.record("\(number) is in no segment of \(instance)")
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
