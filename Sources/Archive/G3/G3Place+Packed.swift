extension G3Place {
    /// Places as bytes: zigzag varints of six numbers each, times and offsets as differences.
    static func packed(_ places: [G3Place]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(places.count * 20)
        func put(_ value: Int64) {
            var rest = UInt64(bitPattern: (value &<< 1) ^ (value >> 63))
            while rest > 0x7F {
                bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
                rest >>= 7
            }
            bytes.append(UInt8(rest))
        }
        var (offset, time) = (0, Int64(0))
        for place in places {
            put(Int64(place.offset - offset))
            put(Int64(place.length))
            put(Int64(place.block))
            put(Int64(place.rows))
            put(place.first &- time)
            put(place.last &- place.first)
            (offset, time) = (place.offset, place.first)
        }
        return bytes
    }

    /// Reads places; nil where bytes are none.
    static func unpacked(_ bytes: some Sequence<UInt8>) -> [G3Place]? {
        var numbers: [Int64] = []
        var (word, shift) = (UInt64(0), UInt64(0))
        for byte in bytes {
            guard shift < 64 else { return nil }
            word |= UInt64(byte & 0x7F) << shift
            shift += 7
            guard byte < 0x80 else { continue }
            numbers.append(Int64(bitPattern: word >> 1) ^ -Int64(bitPattern: word & 1))
            (word, shift) = (0, 0)
        }
        guard shift == 0, numbers.count % 6 == 0 else { return nil }
        var (offset, time) = (Int64(0), Int64(0))
        return stride(from: 0, to: numbers.count, by: 6).map { start in
            offset &+= numbers[start]
            time &+= numbers[start + 4]
            return G3Place(
                offset: Int(offset),
                length: Int(numbers[start + 1]),
                block: Int(numbers[start + 2]),
                rows: Int(numbers[start + 3]),
                first: time,
                last: time &+ numbers[start + 5]
            )
        }
    }
}
