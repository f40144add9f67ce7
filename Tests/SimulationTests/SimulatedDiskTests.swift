import CerroTesting
import Log
import Testing

@Suite("a simulated disk behaves as disks do")
struct SimulatedDiskTests {
    private func create(
        _ path: String,
        _ bytes: [UInt8],
        on disk: SimulatedDisk
    ) throws
        -> any SegmentFile
    {
        let file = try disk.open(path, .create)
        #expect(try append(bytes, to: file) == bytes.count)
        return file
    }

    private func append(_ bytes: [UInt8], to file: any SegmentFile) throws -> Int {
        try bytes.withUnsafeBytes { try file.append([$0]) }
    }

    @Test("a power cut takes what was not synced: bytes, names, nothing else")
    func powerCut() throws {
        var lengths: Set<Int> = []
        var names: Set<[String]> = []
        for seed in 1...100 {
            let disk = SimulatedDisk(seed: UInt64(seed))
            try disk.createFolder("/a")
            let file = try create("/a/kept", [1, 2], on: disk)
            try file.sync()
            try disk.syncFolder("/a")
            _ = try append([3, 4, 5], to: file)
            _ = try create("/a/new", [6], on: disk)
            try disk.rename("/a/new", to: "/a/renamed")
            disk.powerCut()
            let bytes = disk.bytes(of: "/a/kept")
            #expect(Array(bytes.prefix(2)) == [1, 2])
            #expect(zip(bytes, [1, 2, 3, 4, 5]).allSatisfy { $0 == $1 || $0 == 0 })
            lengths.insert(bytes.count)
            names.insert(try disk.names(in: "/a"))
            #expect(throws: DiskError.self) { try append([7], to: file) }
        }
        #expect(lengths == [2, 3, 4, 5])
        #expect(names == [["kept"], ["kept", "new"], ["kept", "renamed"]])
    }

    @Test("a failed sync leaves pages that look clean and are gone after a power cut")
    func failedSync() throws {
        let disk = SimulatedDisk(seed: 3)
        try disk.createFolder("/a")
        let file = try create("/a/file", [1, 2], on: disk)
        try file.sync()
        try disk.syncFolder("/a")
        _ = try append([3, 4], to: file)
        disk.become(.failsToSync)
        #expect(throws: DiskError.self) { try file.sync() }
        _ = try append([5], to: file)
        try file.sync()
        disk.powerCut()
        #expect(disk.bytes(of: "/a/file") == [1, 2, 0, 0, 5])
    }

    @Test("a full disk takes what fits, a short write what it was told")
    func full() throws {
        let disk = SimulatedDisk()
        try disk.createFolder("/a")
        let file = try create("/a/file", [], on: disk)
        disk.become(.full(after: 3))
        #expect(try disk.freeBytes(in: "/a") == 3)
        #expect(try append([1, 2], to: file) == 2)
        #expect(try append([3, 4], to: file) == 1)
        #expect(throws: DiskError.full(path: "/a/file", during: "write")) {
            try append([4], to: file)
        }
        #expect(throws: DiskError.full(path: "/a/other", during: "open")) {
            try disk.open("/a/other", .create)
        }
        disk.become(.short(1))
        #expect(try append([5, 6], to: file) == 1)
        #expect(try append([7], to: file) == 1)
        #expect(disk.bytes(of: "/a/file") == [1, 2, 3, 5, 7])
    }

    @Test("a process that dies keeps no file and no lock, and the disk what it had written")
    func death() throws {
        let disk = SimulatedDisk(seed: 1)
        try disk.createFolder("/a")
        let lock = try disk.lock("/a/lock", holder: "first")
        let file = try create("/a/file", [1], on: disk)
        #expect(throws: DiskError.locked(path: "/a/lock", holder: "first")) {
            try disk.lock("/a/lock", holder: "second")
        }
        disk.become(.dies(after: 1))
        #expect(try append([2], to: file) == 1)
        #expect(throws: DiskError.self) { try append([3], to: file) }
        #expect(disk.isDead)
        #expect(throws: DiskError.self) { try disk.names(in: "/a") }
        disk.restart()
        #expect(throws: DiskError.self) { try file.size() }
        #expect(disk.bytes(of: "/a/file") == [1, 2])
        let next = try disk.lock("/a/lock", holder: "second")
        // The dead process has nothing to let go of any more.
        lock.unlock()
        #expect(throws: DiskError.locked(path: "/a/lock", holder: "second")) {
            try disk.lock("/a/lock", holder: "third")
        }
        next.unlock()
    }

    @Test("an older state of the disk can be put in its place")
    func restored() throws {
        let disk = SimulatedDisk()
        try disk.createFolder("/a")
        let file = try create("/a/file", [1], on: disk)
        let before = disk.snapshot()
        _ = try append([2], to: file)
        _ = try create("/a/other", [3], on: disk)
        disk.restore(before)
        #expect(disk.paths == ["/a/file"])
        #expect(disk.bytes(of: "/a/file") == [1])
    }
}
