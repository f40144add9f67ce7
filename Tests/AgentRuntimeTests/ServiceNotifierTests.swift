import AgentRuntime
import Foundation
import Testing

@Suite("What a service manager is told")
struct ServiceNotifierTests {
    /// A socket that is bound to a name as `$NOTIFY_SOCKET` writes it.
    private func listener(_ name: String) throws -> Int32 {
        let listener = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        try #require(listener >= 0)
        var path = Array(name.utf8)
        if name.hasPrefix("@") { path[0] = 0 } else { path.append(0) }
        let address = withUnsafeBytes(of: sa_family_t(AF_UNIX)) { Array($0) } + path
        let status = address.withUnsafeBytes { bytes in
            bytes.bindMemory(to: sockaddr.self).baseAddress.map {
                bind(listener, $0, socklen_t(bytes.count))
            }
        }
        try #require(status == 0)
        return listener
    }

    @Test(
        "states arrive at sockets in the file system and at abstract ones",
        arguments: [false, true]
    )
    func arrives(isAbstract: Bool) throws {
        let file = FileManager.default.temporaryDirectory.path + "/cerro-" + UUID().uuidString
        let name = isAbstract ? "@cerro-" + UUID().uuidString : file
        let listener = try listener(name)
        defer {
            close(listener)
            unlink(file)
        }
        let notifier = try #require(ServiceNotifier(socket: name))
        notifier.tell("READY=1", "STATUS=registered")
        notifier.tell("WATCHDOG=1")
        var texts: [String] = []
        for _ in 0..<2 {
            var bytes = [UInt8](repeating: 0, count: 200)
            let count = recv(listener, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            texts.append(String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self))
        }
        #expect(texts == ["READY=1\nSTATUS=registered", "WATCHDOG=1"])
    }

    @Test("a name that is none gives no notifier, and one that nobody listens at does no harm")
    func none() throws {
        #expect(ServiceNotifier(socket: "") == nil)
        #expect(ServiceNotifier(socket: "relative") == nil)
        #expect(ServiceNotifier(socket: "/" + String(repeating: "x", count: 200)) == nil)
        try #require(ServiceNotifier(socket: "/nowhere/at/all")).tell("READY=1")
    }
}
