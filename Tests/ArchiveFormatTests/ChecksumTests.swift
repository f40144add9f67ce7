import ArchiveFormat
import Testing

@Suite("CRC-32C")
struct ChecksumTests {
    // Source: RFC 3720, appendix B.4.
    @Test("the published examples", arguments: [(0x00, 0x8A91_36AA), (0xFF, 0x62A8_AB43)])
    func examples(byte: UInt8, expected: UInt32) {
        #expect([UInt8](repeating: byte, count: 32).withUnsafeBytes { crc32c($0) } == expected)
    }

    // Goal: long pieces are done three at a time, and must say the same.
    // Method: bit by bit beside it, at lengths around those of the pieces, at every alignment.
    @Test("is the same bit by bit, at every length and wherever the bytes stand")
    func bitByBit() {
        var state: UInt64 = 1
        let bytes = (0..<8000).map { _ -> UInt8 in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        let edges = [384, 768, 1152, 3072, 3456, 6144, 7900].flatMap { ($0 - 9)...($0 + 9) }
        for length in Array(0...130) + edges {
            let start = length % 8
            let some = Array(bytes[start..<(start + length)])
            let found = bytes.withUnsafeBytes {
                crc32c(
                    UnsafeRawBufferPointer(rebasing: $0[start..<(start + length)]),
                    continuing: 7
                )
            }
            #expect(found == Self.bitByBit(some, continuing: 7), "of \(length) bytes")
        }
    }

    private static func bitByBit(_ bytes: [UInt8], continuing crc: UInt32) -> UInt32 {
        var value = ~crc
        for byte in bytes {
            value ^= UInt32(byte)
            for _ in 0..<8 { value = value >> 1 ^ (value & 1 == 1 ? 0x82F6_3B78 : 0) }
        }
        return ~value
    }
}
