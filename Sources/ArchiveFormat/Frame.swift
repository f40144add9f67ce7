internal import CChecksum
internal import Glibc

/// CRC-32C of `bytes` behind the earlier bytes whose checksum is `crc`.
///
/// Source: RFC 3720, appendix B.4 (Castagnoli's polynomial, reflected).
public func crc32c(_ bytes: UnsafeRawBufferPointer, continuing crc: UInt32 = 0) -> UInt32 {
    cerro_crc32c(crc, bytes.baseAddress, bytes.count)
}

/// The framing of logs and journals: magic, length, checksum, payload.
///
/// `[magic 4][length u32][crc u32][payload]`, little-endian; the checksum is CRC-32C over the four
/// bytes of the length and the payload, so that a damaged length is noticed as well.
public enum Frame {
    /// What every frame begins with, as the bytes `A7 C3 52 4F`; no UTF-8 text contains it.
    public static let magic: UInt32 = 0x4F52_C3A7
    /// Bytes before the payload.
    public static let headerLength = 12
    /// The longest payload: a batch of 1 MiB, one record beyond it, and their header fit.
    public static let longestPayload = 8 << 20

    /// Appends a frame around `payload`, which is not empty, and returns its checksum.
    @discardableResult
    public static func append(
        _ payload: UnsafeRawBufferPointer,
        to bytes: inout [UInt8]
    ) -> UInt32 {
        precondition((1...longestPayload).contains(payload.count), "a payload beyond the limit")
        let crc = checksum(of: payload)
        let header = (magic.littleEndian, UInt32(payload.count).littleEndian, crc.littleEndian)
        withUnsafeBytes(of: header) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: payload)
        return crc
    }

    /// The checksum of the frame around `payload`.
    public static func checksum(of payload: UnsafeRawBufferPointer) -> UInt32 {
        cerro_crc32c_counted(payload.baseAddress, UInt32(payload.count))
    }
}

/// Walks over the frames in a piece of a log or journal, and over damage between them.
public struct FrameScanner {
    /// What stands at one place.
    public enum Item {
        /// A frame that begins at `offset`, whose checksum is right.
        case frame(offset: Int, payload: UnsafeRawBufferPointer, crc: UInt32)
        /// Bytes that are no frame, before one that is; ``flaw(at:)`` says why.
        case damage(Range<Int>)
    }

    private let bytes: UnsafeRawBufferPointer

    /// Where the next item begins.
    ///
    /// When ``next()`` has returned nil, what stands from here to the
    /// end is no whole frame: nothing, one still being written, or debris.
    public private(set) var offset: Int

    /// A walk over `bytes` from `offset`; the bytes have to outlive it.
    public init(_ bytes: UnsafeRawBufferPointer, from offset: Int = 0) {
        self.bytes = bytes
        self.offset = offset
    }

    /// The next frame or the damage before it; nil when no whole frame follows.
    public mutating func next() -> Item? {
        let start = offset
        if let item = frame(at: start) { return item }
        guard let following = nextFrame(after: start) else { return nil }
        offset = following
        return .damage(start..<following)
    }

    /// The frame that begins at `start`, if its checksum is right.
    private mutating func frame(at start: Int) -> Item? {
        let rest = bytes.count - start
        guard rest >= Frame.headerLength, integer(at: start) == Frame.magic else { return nil }
        let length = Int(integer(at: start + 4))
        guard (1...Frame.longestPayload).contains(length), length <= rest - Frame.headerLength
        else { return nil }
        let end = start + Frame.headerLength + length
        let payload = UnsafeRawBufferPointer(rebasing: bytes[(start + Frame.headerLength)..<end])
        let crc = Frame.checksum(of: payload)
        guard crc == integer(at: start + 8) else { return nil }
        offset = end
        return .frame(offset: start, payload: payload, crc: crc)
    }

    /// Why what stands at `start` is no frame.
    public func flaw(at start: Int) -> String {
        let rest = bytes.count - start
        guard rest >= Frame.headerLength else { return "cut off" }
        let magic = integer(at: start)
        guard magic == Frame.magic else {
            return "magic \(hexadecimal(magic)), expected \(hexadecimal(Frame.magic))"
        }
        let length = Int(integer(at: start + 4))
        guard (1...Frame.longestPayload).contains(length) else {
            return "length \(length) is beyond the limit"
        }
        guard length <= rest - Frame.headerLength else {
            return "\(length) bytes announced, cut off"
        }
        let payload = bytes[(start + Frame.headerLength)...].prefix(length)
        let crc = Frame.checksum(of: UnsafeRawBufferPointer(rebasing: payload))
        return "checksum \(hexadecimal(crc)), expected \(hexadecimal(integer(at: start + 8)))"
    }

    /// Where the first whole frame after `start` begins.
    private func nextFrame(after start: Int) -> Int? {
        var candidate = start + 1
        while candidate + Frame.headerLength <= bytes.count, let base = bytes.baseAddress {
            let lowest = Int32(Frame.magic & 0xFF)
            guard let found = memchr(base + candidate, lowest, bytes.count - candidate) else {
                return nil
            }
            let place = base.distance(to: UnsafeRawPointer(found))
            var scanner = FrameScanner(bytes, from: place)
            if scanner.frame(at: place) != nil { return place }
            candidate = place + 1
        }
        return nil
    }

    private func integer(at offset: Int) -> UInt32 {
        UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}
