internal import Foundation
internal import Telemetry

/// Bytes onto the disk without anything around them.
enum DiskFloor {
    /// Bytes a second of appending pieces of 1 MiB, synced every 250 ms and at the end.
    static func bytesPerSecond(in folder: String, total: Int) throws(CommandFailure) -> Double {
        let path = folder + "/floor"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(path) }
        defer {
            close(descriptor)
            unlink(path)
        }
        let piece = [UInt8](repeating: 0x55, count: 1 << 20)
        let total = min(max(total, piece.count), Limits.benchFloorBytes)
        let clock = ContinuousClock()
        let start = clock.now
        var synced = start
        var done = 0
        while done < total {
            let count = write(descriptor, piece, min(piece.count, total - done))
            guard count > 0 else { throw failure(path) }
            done += count
            if clock.now - synced > .milliseconds(250) {
                guard fdatasync(descriptor) == 0 else { throw failure(path) }
                synced = clock.now
            }
        }
        guard fdatasync(descriptor) == 0 else { throw failure(path) }
        return Double(total) / (clock.now - start).inSeconds
    }

    /// Seconds that it takes to read whole files, as the cache has them.
    static func readSeconds(_ paths: [String]) throws(CommandFailure) -> Double {
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        let clock = ContinuousClock()
        let start = clock.now
        for path in paths {
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw failure(path) }
            defer { close(descriptor) }
            while read(descriptor, &piece, piece.count) > 0 {}
        }
        return (clock.now - start).inSeconds
    }

    private static func failure(_ path: String) -> CommandFailure {
        CommandFailure(.failed, "\(path): \(String(cString: strerror(errno)))")
    }
}

/// One message at a time over TCP and back, between two threads that block.
enum SocketFloor {
    /// The round trips of so many messages of 64 bytes, in microseconds.
    static func roundTrips(_ count: Int) throws(CommandFailure) -> [Double] {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let caller = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(caller) }
        let isOpen = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { general in
                bind(listener, general, length) == 0 && listen(listener, 1) == 0
                    && getsockname(listener, general, &length) == 0
                    && connect(caller, general, length) == 0
            }
        }
        let answerer = isOpen ? accept(listener, nil, nil) : -1
        guard answerer >= 0 else {
            throw CommandFailure(.failed, "loopback: \(String(cString: strerror(errno)))")
        }
        for descriptor in [caller, answerer] { sendAtOnce(descriptor) }
        Thread.detachNewThread {
            var buffer = [UInt8](repeating: 0, count: 64)
            while transfer(answerer, &buffer, read),
                transfer(answerer, &buffer, { write($0, $1, $2) })
            {}
            close(answerer)
        }
        var buffer = [UInt8](repeating: 0x55, count: 64)
        let clock = ContinuousClock()
        var samples: [Double] = []
        for _ in 0..<count {
            let start = clock.now
            guard transfer(caller, &buffer, { write($0, $1, $2) }), transfer(caller, &buffer, read)
            else { throw CommandFailure(.failed, "loopback: the connection was lost") }
            samples.append((clock.now - start).inSeconds * 1e6)
        }
        return samples
    }

    private static func sendAtOnce(_ descriptor: Int32) {
        var one: Int32 = 1
        setsockopt(
            descriptor,
            Int32(IPPROTO_TCP),
            TCP_NODELAY,
            &one,
            socklen_t(MemoryLayout<Int32>.size)
        )
    }

    /// Moves the whole buffer; false where the other end is gone.
    private static func transfer(
        _ descriptor: Int32,
        _ buffer: inout [UInt8],
        _ call: (Int32, UnsafeMutableRawPointer?, Int) -> Int
    ) -> Bool {
        buffer.withUnsafeMutableBytes { bytes in
            var done = 0
            while done < bytes.count {
                let count = call(
                    descriptor,
                    bytes.baseAddress?.advanced(by: done),
                    bytes.count - done
                )
                guard count > 0 else { return false }
                done += count
            }
            return true
        }
    }
}
