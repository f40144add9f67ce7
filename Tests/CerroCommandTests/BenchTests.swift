import ArchiveFormat
import Foundation
import MessagePack
import Telemetry
import Testing

@testable import CerroCommand

/// What the benchmarks count and say; their figures need a machine of their own.
@Suite("cerro bench")
struct BenchTests {
    @Test("a report names median, nearest floor and ratio in JSON")
    func json() throws {
        let report = BenchReport(
            name: "ingest 10x1",
            samples: [100, 300, 200],
            unit: "messages/s",
            isRate: true,
            lost: 1,
            floors: [.init(name: "fast", median: 4000), .init(name: "slow", median: 400)]
        )
        let value = report.value
        #expect(value["benchmark"] == "ingest 10x1")
        #expect(value["runs"] == 3)
        #expect(value["median"] == 200.0)
        #expect(value["lost"] == 1)
        #expect(value["doubled"] == 0)
        #expect(value["floor"] == ["name": "slow", "median": 400.0])
        #expect(value["ratio"] == 0.5)
    }

    @Test("lost rows fail the command, whatever the figures are")
    func failure() throws {
        let report = BenchReport(
            name: "ingest",
            samples: [1],
            unit: "messages/s",
            isRate: true,
            doubled: 2,
            floors: []
        )
        let transcript = Transcript()
        let failure = Console.$current.withValue(.kept(in: transcript)) {
            () -> CommandFailure? in
            do throws(CommandFailure) {
                try BenchReport.answer([report], asJSON: true)
                return nil
            } catch { return error }
        }
        #expect(failure?.status == .failed)
        #expect(transcript.answers.contains("\"doubled\":2"))
    }

    @Test("a tally sees every missing number and every one that comes again")
    func tally() {
        var tally = RowTally()
        for number: Int64 in [1, 2, 4, 64, 65, 1000, 2, 0] { tally.add(number) }
        #expect(tally.count == 6)
        #expect(tally.doubled == 2)
        #expect(tally.lost(upTo: 5) == 2)
        #expect(tally.lost(upTo: 1000) == 994)
        #expect(tally.lost(upTo: 2000) == 1994)
    }

    @Test(
        "shapes are fields × rows",
        arguments: ["10", "10x", "x1", "1x1", "10x0", "ax1", "9x9x9"]
    )
    func shapes(text: String) {
        #expect(Shape(argument: "16x60") == Shape(fields: 16, rows: 60))
        #expect(Shape(argument: text) == nil)
    }

    @Test("memory is read from the words of the kernel, processor time from its clock")
    func usage() throws {
        let status = "Name:\ta\nVmHWM:\t  2048 kB\nVmRSS:\t 1024 kB\nRssAnon:\t 512 kB\n"
        let usage = ProcessUsage(seconds: 2, status: status)
        #expect(usage.peakBytes == 2 << 20)
        #expect(usage.residentBytes == 1 << 20)
        #expect(usage.anonymousBytes == 512 << 10)

        let before = try #require(ProcessUsage(of: getpid()))
        #expect(before.seconds > 0 && before.residentBytes >= before.anonymousBytes)
        #expect(ProcessUsage(of: -1) == nil)
    }

    // Goal: a record that stands in two batches, and one that stands in none.
    // Method: a journal of 1, 2 | 2, 4 is written by the archive's own codec.
    @Test("a count of a journal sees what is missing and what is doubled")
    func journal() throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "cerro-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let feed = Feed("load", fields: [Field("n", .int)])
        var bytes: [UInt8] = []
        for (first, numbers) in [(Int64(1), [Int64(1), 2]), (3, [2, 4])] {
            Self.append(Self.batch(feed, first: first, numbers), to: &bytes)
        }
        let path = folder.appending(path: "a.journal").path
        #expect(FileManager.default.createFile(atPath: path, contents: Data(bytes)))

        let count = try JournalCount(of: [path])
        #expect(count.messages == 4)
        #expect(count.rows["load-1"]?.doubled == 1)
        #expect(count.rows["load-1"]?.lost(upTo: 4) == 1)
        #expect(count.end?.offset == bytes.count)
    }

    private static func batch(_ feed: Feed, first: Int64, _ numbers: [Int64]) -> [UInt8] {
        var frames: [UInt8] = []
        var header = RecordHeader(
            kind: nil,
            epoch: 7,
            position: first,
            revision: 1,
            published: Timestamp(seconds: 1)
        )
        var writer = MessagePackWriter()
        RecordWriter.write(header, declaration: feed, to: &writer)
        writer.withBytes { _ = Frame.append($0, to: &frames) }
        for number in numbers {
            header.position += 1
            writer.removeAll()
            let block = Block(timestamps: [Timestamp(seconds: number)], columns: [.ints([number])])
            RecordWriter.write(header, blocks: [block], to: &writer)
            writer.withBytes { _ = Frame.append($0, to: &frames) }
        }
        return frames
    }

    private static func append(_ frames: [UInt8], to bytes: inout [UInt8]) {
        frames.withUnsafeBytes { frames in
            var writer = MessagePackWriter()
            JournalRecord.batch(
                instance: "load-1",
                epoch: 7,
                first: 1,
                count: 3,
                received: Timestamp(seconds: 1),
                frames: frames
            ).write(to: &writer)
            writer.withBytes { _ = Frame.append($0, to: &bytes) }
        }
    }
}
