import Access
import CerroTesting
import Foundation
import SiteConfig
import Telemetry
import Testing
import ZeroMQ

@Suite("key files")
struct KeyFolderTests {
    private let temporary: TemporaryFolder
    private let folder: KeyFolder

    init() throws {
        temporary = try TemporaryFolder()
        folder = KeyFolder(temporary.path + "/keys")
    }

    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    private func setMode(_ path: String, _ mode: Int) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    @Test("a key that is made is read back, and is its owner's alone")
    func pair() throws {
        let made = try folder.makePair(for: "alice")
        #expect(try folder.pair(of: "alice").publicKey == made.publicKey)
        #expect(try mode(folder.path) == 0o700)
        #expect(try mode(folder.secretFile(of: "alice")) == 0o600)
        #expect(try folder.makePair(for: "bob").publicKey != made.publicKey)
        let shown = "\(made) \(String(reflecting: made)) \(Mirror(reflecting: made).children)"
        #expect(!shown.contains(made.secret))
    }

    @Test("a key is never written over")
    func again() throws {
        let made = try folder.makePair(for: "alice")
        let error = #expect(throws: AccessError.self) { try folder.makePair(for: "alice") }
        #expect("\(try #require(error))".contains("is there already"))
        #expect(try folder.pair(of: "alice") == made)
    }

    @Test("a secret that others may read is refused, and the chmod that mends it is told")
    func exposed() throws {
        let made = try folder.makePair(for: "alice")
        let file = folder.secretFile(of: "alice")
        for bits in [0o640, 0o604, 0o620, 0o660] {
            try setMode(file, bits)
            let error = #expect(throws: AccessError.self) { try folder.pair(of: "alice") }
            let words = "\(try #require(error))"
            #expect(words.contains("chmod 600 \(file)") && !words.contains(made.secret))
        }
        try setMode(file, 0o400)
        #expect(try folder.pair(of: "alice") == made)
    }

    @Test("a table or a pinned key that others may write is refused")
    func writable() throws {
        try folder.write(AccessTable())
        try folder.write(registryKey: KeyPair.random().publicKey)
        try setMode(folder.accessFile, 0o664)
        try setMode(folder.registryFile, 0o646)
        #expect(throws: AccessError.self) { try folder.table() }
        #expect(throws: AccessError.self) { try folder.registryKey() }
    }

    @Test("a folder that others may enter gets no keys")
    func openFolder() throws {
        try FileManager.default.createDirectory(
            atPath: folder.path,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o755]
        )
        let error = #expect(throws: AccessError.self) { try folder.makePair(for: "alice") }
        #expect("\(try #require(error))".contains("chmod 700 \(folder.path)"))
    }

    // Each row: what stands in the file, and whether it is a key.
    @Test("what is no key is refused without being shown")
    func damage() throws {
        let made = try folder.makePair(for: "alice")
        let file = folder.secretFile(of: "alice")
        let rows: [(String, Bool)] = [
            (made.secret, true), (made.secret + "\n\n", true), ("", false),
            (String(made.secret.dropLast()), false), (made.secret + made.secret, false),
            (String(repeating: "\"", count: 64), false),
            (String(repeating: "x", count: 400), false),
        ]
        for (text, isKey) in rows {
            let handle = try #require(FileHandle(forWritingAtPath: file))
            try handle.truncate(atOffset: 0)
            try handle.write(contentsOf: Data(text.utf8))
            try handle.close()
            guard !isKey else {
                #expect(try folder.pair(of: "alice") == made)
                continue
            }
            let error = #expect(throws: AccessError.self) { try folder.pair(of: "alice") }
            let words = "\(try #require(error))"
            #expect(text.isEmpty || !words.contains(text))
        }
    }

    @Test("what is missing is told with what makes it")
    func missing() throws {
        let error = #expect(throws: AccessError.self) { try folder.pair(of: "alice") }
        #expect("\(try #require(error))".contains("cerro keys"))
    }

    // Goal: the file changes while a process runs, at last into one that is wrong.
    // Method: the control is told to look; nothing waits.
    @Test("a changed table holds at once, a broken one leaves the last good one")
    func changes() throws {
        try folder.write(AccessTable())
        let control = try AccessControl(folder)
        #expect(control.look() == nil)

        let key = try KeyPair.random().publicKey
        var table = AccessTable()
        table.members.append(.init(name: "alice", key: key, kind: .person))
        try folder.write(table)
        guard case .changed = control.look() else {
            Issue.record("the change was not seen")
            return
        }
        #expect(control.table.member(key: key.description)?.name == "alice")

        try "people: [".write(toFile: folder.accessFile, atomically: true, encoding: .utf8)
        guard case .broken(let error) = control.look() else {
            Issue.record("the damage was not seen")
            return
        }
        #expect("\(error)".contains("access.yaml:2:1"))
        #expect(control.look() == nil)
        #expect(control.table == table)
    }

    @Test("the watch tells a change within its period")
    func watch() async throws {
        try folder.write(AccessTable())
        let control = try AccessControl(folder)
        let clock = ManualTimeSource()
        try "people: []\n".write(toFile: folder.accessFile, atomically: true, encoding: .utf8)
        let (changes, sink) = AsyncStream.makeStream(of: Bool.self)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await control.watch(clock) { change in
                    if case .changed = change { sink.yield(true) }
                }
            }
            await clock.advance(by: SiteConfig.Limits.watchPeriod)
            for await _ in changes { break }
            group.cancelAll()
        }
    }

    @Test("changes that come at once all stay")
    func alone() async throws {
        try folder.write(AccessTable())
        let folder = folder
        try await withThrowingTaskGroup { group in
            for task in 0..<4 {
                group.addTask {
                    for number in 0..<10 {
                        try folder.alone {
                            var table = try folder.table()
                            let name = "p-\(task)-\(number)"
                            table.members.append(
                                AccessTable.Member(
                                    name: name,
                                    key: try KeyPair.random().publicKey,
                                    kind: .person
                                )
                            )
                            try folder.write(table)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try folder.table().members.count == 40)
    }
}
