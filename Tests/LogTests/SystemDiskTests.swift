internal import CerroTesting
internal import Glibc
internal import Telemetry
internal import Testing

@testable import Log

@Suite("the machine's own disk keeps a log as the one in memory does")
struct SystemDiskTests {
    /// Calls `body` with a new folder and deletes it afterwards.
    private func withFolder(_ body: (String) async throws -> Void) async throws {
        var template = Array("/tmp/cerro-log-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else {
            throw DiskError.failed(path: "/tmp", during: "mkdtemp", code: errno, text: "")
        }
        let folder = String(cString: made)
        let disk = SystemDisk()
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(folder))
        } catch {
            result = .failure(error)
        }
        for name in (try? disk.names(in: folder + "/spool")) ?? [] {
            try disk.remove("\(folder)/spool/\(name)")
        }
        rmdir(folder + "/spool")
        rmdir(folder)
        try result.get()
    }

    private func open(_ folder: String) throws(LogError) -> AgentLog {
        try AgentLog(
            folder: folder + "/spool",
            instance: "cryo-1",
            settings: AgentLog.Settings(segmentSize: 4000),
            disk: SystemDisk(),
            time: ManualTimeSource(step: .microseconds(1)),
            bootID: "boot-1"
        )
    }

    @Test(
        "a folder that may not be written to says what to do",
        arguments: [(EACCES, "Give the user"), (EROFS, "Mount that disk"), (EIO, "(errno 5)")]
    )
    func denied(code: Int32, words: String) {
        let error = DiskError.failed(path: "/a", during: "mkdir", code: code, text: "No")
        #expect(error.description.hasPrefix("/a: mkdir failed: No (errno \(code))"))
        #expect(error.description.contains(words))
    }

    @Test("records outlive the log, over segments and epochs, and a spool has one holder")
    func realFiles() async throws {
        try await withFolder { folder in
            let log = try open(folder)
            _ = try await log.declare(Bench.feed)
            for number in 0..<200 { try await log.append(Bench.feed, [Bench.block(number)]) }
            #expect {
                try open(folder)
            } throws: { error in
                guard case LogError.held(_, let holder) = error else { return false }
                return holder.contains("pid \(getpid())") && holder.contains("host ")
            }
            await log.close()
            let next = try open(folder)
            var puller = Puller()
            puller.maxBytes = 1000
            try puller.pull(next)
            #expect(puller.values == (0..<200).map(Int64.init))
            #expect(puller.losses.isEmpty && puller.ends == 1)
            puller.commit()
            try puller.fetch(next)
            _ = try await next.declare(Bench.feed)
            try await next.sync()
            await next.close()
            let left = try SystemDisk().names(in: folder + "/spool").filter { $0.hasSuffix(".log") }
            #expect(left.count == 1)
        }
    }

    @Test("what the machine refuses has a name and a reason")
    func refusals() async throws {
        try await withFolder { folder in
            let disk = SystemDisk()
            #expect(throws: DiskError.missing(path: folder + "/none")) {
                try disk.open(folder + "/none", .read)
            }
            try disk.createFolder(folder + "/spool")
            try disk.createFolder(folder + "/spool")
            try disk.replace(folder + "/spool/a", with: [1, 2, 3])
            try disk.replace(folder + "/spool/a", with: [4, 5])
            #expect(try disk.contents(of: folder + "/spool/a") == [4, 5])
            #expect(throws: DiskError.exists(path: folder + "/spool/a")) {
                try disk.open(folder + "/spool/a", .create)
            }
            #expect(try disk.names(in: folder + "/spool") == ["a"])
            #expect(try disk.freeBytes(in: folder) > 0)
            #expect(try !disk.isRemote(folder))
        }
    }
}
