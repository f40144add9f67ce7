import Glibc
import Testing

@testable import ZeroMQ

@Suite("connections among the open descriptors")
struct OpenDescriptorsTests {
    /// A descriptor that listens at a port, and one more of the same beyond all others.
    private final class Listening {
        let port: UInt16
        let descriptor: Int32
        let distant: Int32

        init() throws {
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            try #require(listen(descriptor, 1) == 0)
            port = try #require(Connection.port(of: descriptor))
            distant = fcntl(descriptor, F_DUPFD_CLOEXEC, 1_000)
            try #require(distant >= 1_000)
        }

        deinit {
            close(descriptor)
            close(distant)
        }
    }

    @Test("what was listed once is seen without another listing, wherever it is")
    func listed() throws {
        let listening = try Listening()
        var open = OpenDescriptors()
        for isThorough in [true, false, false] {
            let found = open.connections(at: [listening.port], isThorough: isThorough)
            #expect(
                found[listening.port]?.map(\.descriptor).sorted()
                    == [listening.descriptor, listening.distant]
            )
        }
        #expect(open.connections(at: [], isThorough: false).isEmpty)
    }

    @Test("what came unseen since is found by the next listing, which comes by itself")
    func unseen() throws {
        var open = OpenDescriptors()
        _ = open.connections(at: [], isThorough: true)
        let listening = try Listening()
        var found: [Int32] = []
        for _ in 0...ZeroMQLimits.looksPerListing {
            let all = open.connections(at: [listening.port], isThorough: false)
            found = all[listening.port]?.map(\.descriptor) ?? []
            if found.contains(listening.distant) { break }
        }
        #expect(found.contains(listening.distant))
        #expect(found.contains(listening.descriptor))
    }

    @Test("a descriptor that another socket has now is where that one is")
    func reused() throws {
        let first = try Listening(), second = try Listening()
        let ports: Set = [first.port, second.port]
        var open = OpenDescriptors()
        let before = open.connections(at: ports, isThorough: true)[first.port]
        try #require(dup2(second.distant, first.distant) == first.distant)
        let after = open.connections(at: ports, isThorough: false)
        #expect(before?.map(\.descriptor).contains(first.distant) == true)
        #expect(after[first.port]?.map(\.descriptor) == [first.descriptor])
        let moved = after[second.port]?.first { $0.descriptor == first.distant }
        #expect(moved?.cookie == Connection.cookie(of: second.descriptor))
        #expect(moved?.cookie != Connection.cookie(of: first.descriptor))
    }
}
