internal import CPacking

/// Reads groups one behind the other.
struct IntegerUnpacker {
    private let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0
    private var last: Int64 = 0, lastDelta: Int64 = 0, lastSlope: Int64 = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// The common factor and the first value; nil where they are cut off.
    mutating func head() -> (factor: Int64, first: Int64)? {
        guard let factor = varint(), factor > 0 else { return nil }
        guard factor > 1 else { return (1, 0) }
        return varint().map { (factor, $0) }
    }

    /// Reads one group of `count` values; false where it is cut off.
    mutating func take(
        _ count: Int,
        to values: UnsafeMutablePointer<Int64>,
        _ padded: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard offset < bytes.count else { return false }
        let code = bytes[offset]
        offset += 1
        guard let mode = PackedIntegers.Mode(rawValue: code >> 6), var base = varint() else {
            return false
        }
        var slope: Int64 = 0
        if mode == .line {
            guard let found = varint() else { return false }
            slope = lastSlope &+ found
            lastSlope = slope
        }
        let width = code & 63 == 63 ? 64 : Int(code & 63)
        let length = (count * width + 7) / 8
        guard length <= bytes.count - offset else { return false }
        if offset + length + 8 <= bytes.count, let address = bytes.baseAddress {
            cerro_unpack(address + offset, count, CUnsignedInt(width), values)
        } else if let address = padded.baseAddress {
            padded.copyMemory(
                from: UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + length)])
            )
            cerro_unpack(address, count, CUnsignedInt(width), values)
        }
        offset += length
        if mode == .offset || mode == .line { base = base &+ last }
        restore(mode, count, base, slope, values)
        lastDelta = values[count - 1] &- (count > 1 ? values[count - 2] : last)
        last = values[count - 1]
        return true
    }

    private func restore(
        _ mode: PackedIntegers.Mode,
        _ count: Int,
        _ base: Int64,
        _ slope: Int64,
        _ values: UnsafeMutablePointer<Int64>
    ) {
        switch mode {
        case .offset, .line: cerro_add_line(values, count, base, slope)
        case .delta:
            var value = last
            for row in 0..<count {
                value = value &+ values[row] &+ base
                values[row] = value
            }
        case .deltaOfDelta:
            var value = last
            var difference = lastDelta
            for row in 0..<count {
                difference = difference &+ values[row] &+ base
                value = value &+ difference
                values[row] = value
            }
        }
    }

    private mutating func varint() -> Int64? {
        var word: UInt64 = 0
        var shift: UInt64 = 0
        while offset < bytes.count, shift < 64 {
            let byte = bytes[offset]
            offset += 1
            word |= UInt64(byte & 127) &<< shift
            if byte < 128 { return Int64(bitPattern: word &>> 1) ^ -Int64(bitPattern: word & 1) }
            shift += 7
        }
        return nil
    }
}
