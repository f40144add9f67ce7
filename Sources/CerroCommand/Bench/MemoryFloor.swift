internal import ArchiveFormat
internal import Telemetry

/// Bytes in memory without anything around them.
enum MemoryFloor {
    private static let piece = 1 << 20, rounds = 256

    /// Bytes a second that are copied from one place to another.
    static func copiedBytesPerSecond() -> Double {
        let room = 16 * piece
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * room, alignment: 64)
        defer { bytes.deallocate() }
        bytes.initializeMemory(as: UInt8.self, repeating: 1)
        let clock = ContinuousClock()
        let start = clock.now
        var seen = 0
        for round in 0..<(rounds / 16) {
            // To and fro, and looked at: a copy that nobody sees need not be made.
            let half = round & 1
            bytes[half * room + round] = UInt8(truncatingIfNeeded: round)
            UnsafeMutableRawBufferPointer(rebasing: bytes[((1 - half) * room)...].prefix(room))
                .copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[(half * room)...].prefix(room))
                )
            seen += Int(bytes[(1 - half) * room + round])
        }
        let seconds = (clock.now - start).inSeconds
        return seen > 0 ? Double(rounds * piece) / seconds : 0
    }

    /// Bytes a second whose CRC-32C is found.
    static func checkedBytesPerSecond() -> Double {
        let bytes = [UInt8](repeating: 1, count: piece)
        var crc: UInt32 = 0
        let clock = ContinuousClock()
        let start = clock.now
        for _ in 0..<rounds { crc = bytes.withUnsafeBytes { crc32c($0, continuing: crc) } }
        let seconds = (clock.now - start).inSeconds
        // A checksum that nobody looks at need not be found.
        return crc == 0 ? 0 : Double(rounds * piece) / seconds
    }
}
