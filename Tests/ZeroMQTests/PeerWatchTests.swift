import CerroTesting
import Foundation
import Testing
import ZeroMQ

@Suite("what peers keep waiting in a bound socket is bounded", .timeLimit(.minutes(10)))
struct PeerWatchTests {
    /// A bound socket, and what it was told of peers that were cut off.
    private struct Bound: Sendable {
        let reactor: Reactor
        private let port: Int
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
            port = try #require(endpoint.split(separator: ":").last.flatMap { Int($0) })
        }

        /// One that is connected, as a socket of that kind.
        func peer(_ kind: String) throws -> RawPeer {
            let peer = try RawPeer(port: port)
            peer.introduce(as: kind)
            return peer
        }
    }

    // Goal: a message whose parts never end is seen by nobody, and kept by the library.
    @Test("who sends parts without end is cut off, and told of")
    func parts() async throws {
        let bound = try await Bound(.router, PeerBound(bytes: 1 << 20, connections: 10))
        let part: [UInt8] = [0x01, 200] + [UInt8](repeating: 7, count: 200)
        let block = (0..<300).flatMap { _ in part }
        let peer = try bound.peer("DEALER")
        #expect(peer.flood(block, most: 4 << 30))
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
        let peer = try bound.peer("DEALER")
        #expect(!peer.flood(block, most: 32 << 20))
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
        let reader = try bound.peer("DEALER")
        for _ in 0..<64 {
            #expect(reader.send([0x00, 1, 1]))
            // A long frame: its flags, eight bytes of length.
            #expect(reader.receive(9 + (1 << 20)))
        }
        let deaf = try bound.peer("DEALER")
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
    // ends the process: libzmq 4.3, an assertion of `out_event`. So no socket may send them.
    @Test(
        "who fills the queue of a socket that nobody reads, and goes, leaves the process alone",
        arguments: [SocketKind.router, .dealer]
    )
    func leaves(_ kind: SocketKind) async throws {
        let bound = try await Bound(kind, PeerBound(bytes: 1 << 30, connections: 10))
        let isFree = DispatchSemaphore(value: 0)
        bound.reactor.run { isFree.wait() }
        var peer: RawPeer? = try bound.peer("DEALER")
        peer?.fill([0x00, 200] + [UInt8](repeating: 7, count: 200))
        peer = nil
        // As long as a heartbeat would take to be due.
        let held = DispatchSemaphore(value: 0)
        #expect(held.wait(timeout: .now() + 2.5) == .timedOut)
        isFree.signal()
        let next = try bound.peer("DEALER")
        #expect(next.send([0x00, 1, 1]))
        await bound.reactor.shutdown()
    }

    @Test("who subscribes without end is cut off")
    func subscriptions() async throws {
        let bound = try await Bound(.publisher, PeerBound(bytes: 64 << 10, connections: 10))
        let peer = try bound.peer("SUB")
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
        for _ in 0..<3 { peers.append(try bound.peer("DEALER")) }
        let late = try bound.peer("DEALER")
        late.untilEnd()
        let cut = try #require(await bound.cut.first { _ in true })
        #expect(cut.reason == .oneTooMany)
        for peer in peers { #expect(peer.send([0x00, 1, 1])) }
        await bound.reactor.shutdown()
    }
}
