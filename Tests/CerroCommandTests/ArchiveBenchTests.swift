import Archive
import ArchiveFormat
import Telemetry
import Testing

@testable import CerroCommand

/// The samples that archives are measured with; their figures need a machine of their own.
@Suite("cerro bench archive")
struct ArchiveBenchTests {
    @Test("equal seeds give equal samples, bit for bit, and others give others")
    func seeds() {
        for look in SampleSet.Look.allCases {
            let set = SampleSet(look: look, seed: 7)
            var one = set.feed(3)
            var other = set.feed(3)
            var third = set.feed(4)
            let rows = one.next(seconds: 300)
            let same = other.next(seconds: 300)
            #expect(rows.times == same.times)
            #expect(rows.columns.map { "\($0)" } == same.columns.map { "\($0)" })
            #expect(rows.times != third.next(seconds: 300).times)
            #expect(rows.times == rows.times.sorted())
            #expect(rows.columns.map(\.type) == set.kinds.map(\.kind.type))
        }
    }

    // Goal: what is measured is what an archive holds.
    // Method: the same samples by way of the journal and the sealer, and straight into files.
    @Test("a journal that is sealed has the rows of the files that are written at once")
    func archives() async throws {
        let set = SampleSet(look: .sparse, feeds: 6, rate: 0.5)
        try await ArchiveBench.withFolder(in: nil) { folder in
            let journal = folder + "/journal"
            let sealed = folder + "/sealed"
            let slow = try SampleArchive.writeJournal(
                of: set,
                hours: 2,
                rowsOfMessage: 7,
                in: journal
            )
            let fast = try await SampleArchive.writeSealed(of: set, hours: 2, in: sealed)
            #expect(slow == fast)
            #expect(slow.rows > 6 * 3500)
            #expect(slow.values == slow.rows * 6)
            try Sealer(directory: ArchiveDirectory(journal)).sealAll(openSegment: nil)
            #expect(ArchiveBench.files(in: journal, ending: ".journal").isEmpty)
            for folder in [journal, sealed] {
                let paths = ArchiveBench.files(in: folder, ending: ".cerro")
                #expect(paths.count >= 2)
                #expect(try SealedSize(of: paths).rows == slow.rows)
            }
        }
    }

    @Test("a long archive in parts has every hour once")
    func parts() async throws {
        let set = SampleSet(feeds: 1, rate: 0.1)
        try await ArchiveBench.withFolder(in: nil) { folder in
            let written = try await SampleArchive.writeSealed(
                of: set,
                hours: 72,
                hoursOfFile: 24,
                parts: 3,
                in: folder
            )
            let paths = ArchiveBench.files(in: folder, ending: ".cerro")
            #expect(paths.count == 3)
            var end = set.start
            for path in paths {
                let timeline = try #require(try SealedFile.open(path).footer.timelines.first)
                let first = try #require(timeline.groups.first).first
                #expect(first >= end)
                #expect(first < end + .seconds(60))
                end = end + .seconds(86_400)
            }
            #expect(try SealedSize(of: paths).rows == written.rows)
        }
    }
}
