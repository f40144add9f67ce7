internal import Foundation
internal import Synchronization
internal import Telemetry
internal import ZeroMQ

/// Messages of one size through two sockets of the library, as fast as they go.
enum WireFloor {
    /// Messages a second over loopback, measured for at least a quarter of a second; with keys,
    /// they are encrypted.
    static func messagesPerSecond(
        of byteCount: Int,
        keys: KeyPair? = nil
    ) async throws -> Double {
        let receiver = try Receiver(keys)
        let sender = try Sender(keys)
        let outcome: Result<Double, any Error>
        do {
            try await sender.connect(to: try await receiver.bind())
            var count = 20_000
            var rate = 0.0
            while true {
                let start = ContinuousClock().now
                let wanted = count
                async let arrival: Void = receiver.receive(wanted)
                await sender.send(wanted, of: byteCount)
                await arrival
                let seconds = (ContinuousClock().now - start).inSeconds
                rate = Double(count) / seconds
                if seconds > 0.25 || count > 5_000_000 { break }
                count *= 4
            }
            outcome = .success(rate)
        } catch { outcome = .failure(error) }
        await sender.reactor.shutdown()
        await receiver.reactor.shutdown()
        return try outcome.get()
    }

    private actor Receiver {
        let reactor: Reactor
        private let context: Context
        private let keys: KeyPair?
        private var gatekeeper: Gatekeeper?
        private var missing = 0
        private var waiter: CheckedContinuation<Void, Never>?

        nonisolated var unownedExecutor: UnownedSerialExecutor {
            reactor.asUnownedSerialExecutor()
        }

        init(_ keys: KeyPair?) throws {
            self.keys = keys
            context = try Context()
            reactor = try Reactor(context: context)
        }

        func bind() throws -> String {
            var options = SocketOptions()
            if let keys {
                options.curve = .server(keys)
                gatekeeper = try Gatekeeper(context: context, reactor: reactor) { _, _ in true }
            }
            let socket = try Socket(.dealer, context: context, reactor: reactor, options: options)
            socket.onMessage = { _ in self.assumeIsolated { $0.take() } }
            return try socket.bind(host: "127.0.0.1", ports: 0...0)
        }

        func receive(_ count: Int) async {
            missing += count
            guard missing > 0 else { return }
            await withCheckedContinuation { waiter = $0 }
        }

        private func take() {
            missing -= 1
            if missing == 0 { waiter.take()?.resume() }
        }
    }

    private actor Sender {
        let reactor: Reactor
        private let context: Context
        private let keys: KeyPair?
        private var socket: Socket?
        private var left = 0
        private var bytes: [UInt8] = []
        private var waiter: CheckedContinuation<Void, Never>?

        nonisolated var unownedExecutor: UnownedSerialExecutor {
            reactor.asUnownedSerialExecutor()
        }

        init(_ keys: KeyPair?) throws {
            self.keys = keys
            context = try Context()
            reactor = try Reactor(context: context)
        }

        func connect(to endpoint: String) throws {
            var options = SocketOptions()
            options.curve = keys.map { .client($0, server: $0.publicKey) }
            let socket = try Socket(.dealer, context: context, reactor: reactor, options: options)
            socket.onWritable = { self.assumeIsolated { $0.pump() } }
            try socket.connect(to: endpoint)
            self.socket = socket
        }

        func send(_ count: Int, of byteCount: Int) async {
            bytes = [UInt8](repeating: 0x55, count: max(1, byteCount))
            left = count
            await withCheckedContinuation { continuation in
                waiter = continuation
                pump()
            }
        }

        private func pump() {
            guard let socket else { return }
            while left > 0 {
                guard socket.send(bytes) == .sent else {
                    socket.wantsWritable = true
                    return
                }
                left -= 1
            }
            socket.wantsWritable = false
            waiter.take()?.resume()
        }
    }
}

/// One request at a time through the library's sockets and back.
enum EchoFloor {
    /// The processor time of one message over one hop with its wake-ups, in microseconds, while
    /// nothing else runs in this process.
    static func processorTime(hops: Int) async throws -> Double {
        guard let before = ProcessUsage(of: getpid()) else { return .nan }
        _ = try await roundTrips(hops / 2)
        guard let after = ProcessUsage(of: getpid()) else { return .nan }
        return (after.seconds - before.seconds) * 1e6 / Double(hops)
    }

    /// The round trips of so many messages, in microseconds.
    static func roundTrips(_ count: Int, byteCount: Int = 256) async throws -> [Double] {
        let echo = try Echo(byteCount: byteCount)
        let caller = try Caller(byteCount: byteCount)
        let outcome: Result<[Double], any Error>
        do {
            try await caller.connect(to: try await echo.bind())
            outcome = .success(await caller.call(count))
        } catch { outcome = .failure(error) }
        await caller.reactor.shutdown()
        await echo.reactor.shutdown()
        return try outcome.get()
    }

    private actor Echo {
        let reactor: Reactor
        private let context: Context
        private var options = SocketOptions()

        nonisolated var unownedExecutor: UnownedSerialExecutor {
            reactor.asUnownedSerialExecutor()
        }

        init(byteCount: Int) throws {
            options.longestMessage = byteCount
            context = try Context()
            reactor = try Reactor(context: context)
        }

        func bind() throws -> String {
            let socket = try Socket(.router, context: context, reactor: reactor, options: options)
            socket.onMessage = { [unowned socket] message in
                _ = socket.send(message[0], message[1])
            }
            return try socket.bind(host: "127.0.0.1", ports: 0...0)
        }
    }

    private actor Caller {
        let reactor: Reactor
        private let context: Context
        private var options = SocketOptions()
        private var socket: Socket?
        private let bytes: [UInt8]
        private var left = 0
        private var sent = ContinuousClock().now
        private var samples: [Double] = []
        private var waiter: CheckedContinuation<Void, Never>?

        nonisolated var unownedExecutor: UnownedSerialExecutor {
            reactor.asUnownedSerialExecutor()
        }

        init(byteCount: Int) throws {
            bytes = [UInt8](repeating: 0x55, count: byteCount)
            options.longestMessage = byteCount
            context = try Context()
            reactor = try Reactor(context: context)
        }

        func connect(to endpoint: String) throws {
            let socket = try Socket(.dealer, context: context, reactor: reactor, options: options)
            socket.onMessage = { _ in self.assumeIsolated { $0.returned() } }
            try socket.connect(to: endpoint)
            self.socket = socket
        }

        func call(_ count: Int) async -> [Double] {
            left = count
            await withCheckedContinuation { continuation in
                waiter = continuation
                send()
            }
            return samples
        }

        private func send() {
            sent = ContinuousClock().now
            _ = socket?.send(bytes)
        }

        private func returned() {
            samples.append((ContinuousClock().now - sent).inSeconds * 1e6)
            left -= 1
            if left > 0 { send() } else { waiter.take()?.resume() }
        }
    }
}
