import CerroTesting
import Synchronization
import Telemetry
import Testing

@testable import Archive

@Suite("queries while segments are sealed")
struct SealingQueryTests {
    private func times(_ store: ArchiveStore) throws -> [Timestamp] {
        try store.timeline(
            instance: "alpha",
            feed: DayArchive.mixed.name,
            fields: DayArchive.mixed.fields.map(\.name),
            range: .allOfTime
        ).timestamps
    }

    // Goal: a reader that was slow, so that segments came, were sealed and went between two looks.
    // Method: they are sealed as soon as the folder is listed, and before anything is opened.
    @Test("a segment that is sealed and deleted behind the list is in the answer")
    func sealedBehindTheList() throws {
        let temporary = TemporaryArchive()
        let archive = try DayArchive(temporary.directory, days: 1, isSealed: false)
        let (directory, time) = (temporary.directory, archive.time)
        let open = archive.journal.segmentPath
        let isSealed = Mutex(false)
        let disk = WatchedDisk()
        disk.onNames { names in
            let isDue =
                names.contains { $0.hasSuffix(".journal") }
                && isSealed.withLock { isSealed in
                    defer { isSealed = true }
                    return !isSealed
                }
            if isDue {
                let sealer = Sealer(directory: directory, time: time)
                #expect(throws: Never.self) { try sealer.sealAll(openSegment: open) }
            }
            return names
        }
        let watched = ArchiveDirectory(temporary.directory.path, disk: disk)
        let found = try times(ArchiveStore(watched, holder: "reader", cache: 1 << 20))
        #expect(isSealed.withLock { $0 })
        let all = try times(ArchiveStore(temporary.directory, holder: "later", cache: 1 << 20))
        #expect(!all.isEmpty && found == all)
    }

    // Method: of a folder that is read while one name takes the place of another, the kernel may
    // list neither.
    @Test("a file that a list has left out while it changed its name is in the answer")
    func leftOut() throws {
        let temporary = TemporaryArchive()
        _ = try DayArchive(temporary.directory, days: 1)
        let isOver = Mutex(false)
        let disk = WatchedDisk()
        disk.onNames { names in
            let sealed = names.filter { $0.hasSuffix(".cerro") }
            guard sealed.count > 5, !isOver.withLock({ $0 }) else { return names }
            isOver.withLock { $0 = true }
            return names.filter { $0 != sealed[5] }
        }
        let watched = ArchiveDirectory(temporary.directory.path, disk: disk)
        let found = try times(ArchiveStore(watched, holder: "reader", cache: 1 << 20))
        #expect(isOver.withLock { $0 })
        let all = try times(ArchiveStore(temporary.directory, holder: "later", cache: 1 << 20))
        #expect(!all.isEmpty && found == all)
    }
}
