import Foundation
import Testing
import ZeroMQ

/// Bytes as ZMTP has them, from a peer that keeps to no rule.
///
/// Source: ZMTP 3.0 (rfc.zeromq.org/spec/23).
private final class RawPeer {
    private let descriptor: Int32

    init(port: UInt16, as kind: String) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0)
        let greeting: [UInt8] =
            [0xFF] + [UInt8](repeating: 0, count: 8) + [0x7F, 3, 0] + Array("NULL".utf8)
            + [UInt8](repeating: 0, count: 48)
        let name = Array("Socket-Type".utf8)
        let ready =
            [5] + Array("READY".utf8) + [UInt8(name.count)] + name
            + [0, 0, 0, UInt8(kind.utf8.count)] + Array(kind.utf8)
        _ = send(greeting + [0x04, UInt8(ready.count)] + ready)
        // Its greeting has 64 bytes; then it has heard ours.
        var bytes = [UInt8](repeating: 0, count: 66)
        recv(descriptor, &bytes, bytes.count, Int32(MSG_WAITALL))
    }

    deinit { close(descriptor) }

    /// Sends bytes; false once the other side has hung up.
    func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Sends `bytes` again and again, `most` bytes at most; how many went before it was cut off,
    /// nil if it never was.
    func flood(_ bytes: [UInt8], most: Int) -> Int? {
        for count in 0..<(most / bytes.count) where !send(bytes) { return count * bytes.count }
        return nil
    }

    /// Sends `bytes` again and again until the other side takes no more.
    func fill(_ bytes: [UInt8]) {
        var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        while poll(&ready, 1, 200) > 0 {
            _ = bytes.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
            }
        }
    }

    /// Reads so many bytes; false if the other side hangs up before.
    func receive(_ count: Int) -> Bool {
        var bytes = [UInt8](repeating: 0, count: count)
        return recv(descriptor, &bytes, count, Int32(MSG_WAITALL)) == count
    }

    /// Waits until the other side hangs up.
    func untilEnd() {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while recv(descriptor, &bytes, bytes.count, 0) > 0 {}
    }
}

@Suite("what peers keep waiting in a bound socket is bounded", .timeLimit(.minutes(10)))
struct PeerWatchTests {
    /// A bound socket, and what it was told of peers that were cut off.
    private struct Bound: Sendable {
        let reactor: Reactor
        let port: UInt16
        let cut: AsyncStream<CutPeer>

        init(
            _ kind: SocketKind,
            _ bound: PeerBound,
            answering answer: [UInt8]? = nil
        ) async throws {
            let context = try Context()
            let reactor = try Reactor(context: context)
            let (stream, sink) = AsyncStream.makeStream(
                of: CutPeer.self,
                bufferingPolicy: .bufferingNewest(1000)
            )
            let endpoint = try await withCheckedThrowingContinuation {
                (done: CheckedContinuation<String, any Error>) in
                reactor.run {
                    done.resume(
                        with: Result {
                            let socket = try Socket(kind, context: context, reactor: reactor)
                            let endpoint = try socket.bind(host: "127.0.0.1", ports: 0...0)
                            socket.onMessage = { [unowned socket] message in
                                guard let answer else { return }
                                let isSent = answer.withUnsafeBytes {
                                    socket.send(message[0], $0) == .sent
                                }
                                guard isSent else { return }
                                socket.noteSent(answer.count, to: message.descriptor)
                            }
                            try socket.limitPeers(bound) { sink.yield($0) }
                            return endpoint
                        }
                    )
                }
            }
            self.reactor = reactor
            cut = stream
            port = try #require(endpoint.split(separator: ":").last.flatMap { UInt16($0) })
        }
    }

    // Goal: a message whose parts never end is seen by nobody, and kept by the library.
    @Test("who sends parts without end is cut off, and told of")
    func parts() async throws {
        let bound = try await Bound(.router, PeerBound(bytes: 1 << 20, connections: 10))
        let part: [UInt8] = [0x01, 200] + [UInt8](repeating: 7, count: 200)
        let block = (0..<300).flatMap { _ in part }
        let peer = try RawPeer(port: bound.port, as: "DEALER")
        #expect(peer.flood(block, most: 4 << 30) != nil)
        let cut = try #require(await bound.cut.first { _ in true })
        #expect(cut.address.hasPrefix("127.0.0.1:"))
        guard case .waiting(let waiting) = cut.reason else {
            Issue.record("\(cut)")
            return
        }
        #expect(waiting > 1 << 20)
        await bound.reactor.shutdown()
    }

    @Test("who sends whole messages may send as many as they like")
    func messages() async throws {
        let bound = try await Bound(.router, PeerBound(bytes: 8 << 20, connections: 10))
        let message: [UInt8] = [0x00, 200] + [UInt8](repeating: 7, count: 200)
        let block = (0..<300).flatMap { _ in message }
        let peer = try RawPeer(port: bound.port, as: "DEALER")
        #expect(peer.flood(block, most: 32 << 20) == nil)
        await bound.reactor.shutdown()
    }

    // Goal: answers are many times as long as what asks for them.
    @Test("who asks, and reads no answer, is cut off; who reads may ask on")
    func unread() async throws {
        let bound = try await Bound(
            .router,
            PeerBound(bytes: 1 << 20, unreadBytes: 32 << 20, connections: 10),
            answering: [UInt8](repeating: 7, count: 1 << 20)
        )
        let reader = try RawPeer(port: bound.port, as: "DEALER")
        for _ in 0..<64 {
            #expect(reader.send([0x00, 1, 1]))
            // A long frame: its flags, eight bytes of length.
            #expect(reader.receive(9 + (1 << 20)))
        }
        let deaf = try RawPeer(port: bound.port, as: "DEALER")
        for _ in 0..<64 where !deaf.send([0x00, 1, 1]) { break }
        let cut = try #require(await bound.cut.first { _ in true })
        guard case .unread(let unread) = cut.reason else {
            Issue.record("\(cut)")
            return
        }
        #expect(unread > 31 << 20)
        #expect(reader.send([0x00, 1, 1]))
        #expect(reader.receive(9 + (1 << 20)))
        await bound.reactor.shutdown()
    }

    // A heartbeat that is due on a connection which ended while its messages filled the queue
    // ends the process: libzmq 4.3, an assertion of `out_event`.
    @Test("who fills the queue of a socket that nobody reads, and goes, leaves the process alone")
    func leaves() async throws {
        let bound = try await Bound(.router, PeerBound(bytes: 1 << 30, connections: 10))
        let isFree = DispatchSemaphore(value: 0)
        bound.reactor.run { isFree.wait() }
        var peer: RawPeer? = try RawPeer(port: bound.port, as: "DEALER")
        peer?.fill([0x00, 200] + [UInt8](repeating: 7, count: 200))
        peer = nil
        // As long as a heartbeat would take to be due.
        let held = DispatchSemaphore(value: 0)
        #expect(held.wait(timeout: .now() + 2.5) == .timedOut)
        isFree.signal()
        let next = try RawPeer(port: bound.port, as: "DEALER")
        #expect(next.send([0x00, 1, 1]))
        await bound.reactor.shutdown()
    }

    @Test("who subscribes without end is cut off")
    func subscriptions() async throws {
        let bound = try await Bound(.publisher, PeerBound(bytes: 64 << 10, connections: 10))
        let peer = try RawPeer(port: bound.port, as: "SUB")
        var isConnected = true
        var sent = 0
        for number in 0..<1_000_000 where isConnected {
            let topic = Array("\(number)".utf8)
            isConnected = peer.send([0x00, UInt8(topic.count + 1), 1] + topic)
            sent += topic.count + 3
        }
        #expect(!isConnected, "\(sent) bytes of subscriptions were taken")
        await bound.reactor.shutdown()
    }

    @Test("one connection more than may be ends the newest, and no older one")
    func connections() async throws {
        let bound = try await Bound(.router, PeerBound(bytes: 1 << 20, connections: 3))
        var peers: [RawPeer] = []
        for _ in 0..<3 { peers.append(try RawPeer(port: bound.port, as: "DEALER")) }
        let late = try RawPeer(port: bound.port, as: "DEALER")
        late.untilEnd()
        let cut = try #require(await bound.cut.first { _ in true })
        #expect(cut.reason == .oneTooMany)
        for peer in peers { #expect(peer.send([0x00, 1, 1])) }
        await bound.reactor.shutdown()
    }
}
