import CerroTesting
import Foundation
import Testing
@testable import ZeroMQ

@Suite("what came to the host tells whether its peers need a look")
struct HostTrafficTests {
    private func sum(_ text: String) -> Int? {
        Array(text.utf8).withUnsafeBytes { HostTraffic.received($0) }
    }

    @Test("the bytes received by all interfaces are added up")
    func text() {
        let text = """
            Inter-|   Receive                |  Transmit
             face |bytes    packets errs drop|bytes    packets errs drop
                lo:   72093     16    0    0     72093      16    0    0
              eth0:335      9    0    0      53      6    0    0
              veth: 0 0 0 0 0 0 0 0

            """
        #expect(sum(text) == 72_093 + 335)
        #expect(sum("Inter-|   Receive\n face |bytes\n") == nil)
        #expect(sum("") == nil)
    }

    @Test("a host is quiet until much has come, for so many looks, and while it can tell")
    func quiet() {
        let most = ZeroMQLimits.quietBytes
        let told: [(received: Int?, isQuiet: Bool)] = [
            // Nothing is known of the time before.
            (1000, false), (1000, true),
            // As much as may come, counted from where it was denied.
            (1000 + most, true), (1001 + most, false), (1001 + 2 * most, true),
            // An interface is gone, with what it had received.
            (5, false), (6, true),
            // The kernel does not tell.
            (nil, false), (6, false),
        ]
        // Whoever is never looked at is never seen to leave.
        let resting = [(received: Int?, isQuiet: Bool)](
            repeating: (6, true),
            count: ZeroMQLimits.quietLooks
        )
        let all = told + resting + [(6, false), (6, true)]
        var host = HostTraffic()
        let answers = all.map { host.isQuiet(received: $0.received) }
        #expect(answers == all.map(\.isQuiet))
    }

    @Test("what comes over loopback is counted")
    func counted() throws {
        let host = HostTraffic()
        let before = try #require(host.received())
        let bytes = [UInt8](repeating: 7, count: 1000)
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        // Nobody need listen for a datagram to come.
        let sent = SocketAddress.with("127.0.0.1", port: 9) { address, length in
            sendto(descriptor, bytes, bytes.count, 0, address, length)
        }
        #expect(sent == bytes.count)
        #expect(try #require(host.received()) - before >= bytes.count)
    }
}
