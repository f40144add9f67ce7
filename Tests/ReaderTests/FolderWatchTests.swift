import CerroTesting
import Foundation
import Testing

@testable import Reader

@Suite("A change of the archive's files is seen at once", .timeLimit(.minutes(10)))
struct FolderWatchTests {
    @Test("a folder that comes later, its days, and what is written there")
    func changes() async throws {
        let folder = try TemporaryFolder()
        let archive = folder.path + "/archive"
        let (changes, continuation) = AsyncStream.makeStream(
            of: Void.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        let watch = try #require(FolderWatch(archive) { continuation.yield() })
        defer { watch.cancel() }
        var seen = changes.makeAsyncIterator()

        // The reader may be there before the aggregator, who makes the folder.
        try FileManager.default.createDirectory(
            atPath: archive,
            withIntermediateDirectories: false
        )
        await watch.renew()

        // A folder at a time, so that each is watched before something happens in it.
        for day in ["2025", "2026", "2026/11", "2026/11/21"] {
            try FileManager.default.createDirectory(
                atPath: "\(archive)/\(day)",
                withIntermediateDirectories: false
            )
            await seen.next()
        }
        let file = "\(archive)/2026/11/21/050000-0.journal"
        #expect(FileManager.default.createFile(atPath: file, contents: Data()))
        await seen.next()
        let handle = try #require(FileHandle(forWritingAtPath: file))
        try handle.write(contentsOf: Data([1]))
        await seen.next()
        try handle.close()
        try FileManager.default.removeItem(atPath: file)
        await seen.next()
    }
}
