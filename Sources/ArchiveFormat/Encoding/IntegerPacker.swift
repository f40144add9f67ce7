internal import CPacking

/// Writes groups one behind the other.
struct IntegerPacker {
    var out: UnsafeMutableRawPointer
    let residuals: UnsafeMutablePointer<Int64>
    private var last: Int64 = 0, lastDelta: Int64 = 0, lastSlope: Int64 = 0
    private var mode = PackedIntegers.Mode.offset

    init(out: UnsafeMutableRawPointer, residuals: UnsafeMutablePointer<Int64>) {
        self.out = out
        self.residuals = residuals
    }

    mutating func put(_ values: UnsafePointer<Int64>, _ count: Int, _ number: Int) {
        let isLooked = number % PackedIntegers.lookEvery == 0
        let slope = isLooked || mode == .line ? Self.slope(values, count) : 0
        if isLooked { mode = best(values, count, slope) }
        let span = predict(mode, values, count, slope)
        let base = span.least
        let code = min(span.width, 63)
        out.storeBytes(of: mode.rawValue << 6 | UInt8(truncatingIfNeeded: code), as: UInt8.self)
        out += 1
        putVarint(mode == .offset || mode == .line ? base &- last : base)
        if mode == .line {
            putVarint(slope &- lastSlope)
            lastSlope = slope
        }
        pack(count, base, code == 63 ? 64 : code)
        lastDelta = values[count - 1] &- (count > 1 ? values[count - 2] : last)
        last = values[count - 1]
    }

    /// The rise of one value in 1/256: between the means of both halves, as jitter averages out.
    private static func slope(_ values: UnsafePointer<Int64>, _ count: Int) -> Int64 {
        let half = count / 2
        guard half > 0 else { return 0 }
        var difference: Int64 = 0
        for row in 0..<half { difference &+= values[count - half + row] &- values[row] }
        let (rise, overflow) = difference.multipliedReportingOverflow(by: 256)
        return overflow ? 0 : rise / Int64(half * (count - half))
    }

    /// The way in which the residuals are the shortest.
    private func best(
        _ values: UnsafePointer<Int64>,
        _ count: Int,
        _ slope: Int64
    ) -> PackedIntegers.Mode {
        var best = PackedIntegers.Mode.offset
        var least = Int.max
        for mode in PackedIntegers.Mode.allCases {
            let width = predict(mode, values, count, slope).width
            if width < least { (best, least) = (mode, width) }
        }
        return best
    }

    /// Puts what a prediction leaves of the values into ``residuals``.
    private func predict(
        _ mode: PackedIntegers.Mode,
        _ values: UnsafePointer<Int64>,
        _ count: Int,
        _ slope: Int64
    ) -> cerro_span {
        cerro_residuals(CInt(mode.rawValue), values, count, last, lastDelta, slope, residuals)
    }

    private mutating func pack(_ count: Int, _ base: Int64, _ width: Int) {
        guard width > 0 else { return }
        // Up to eight bytes behind the group are written over by the next one, or cut off.
        cerro_pack(residuals, count, base, CUnsignedInt(width), out)
        out += (count * width + 7) / 8
    }

    mutating func putVarint(_ value: Int64) {
        var word = UInt64(bitPattern: (value &<< 1) ^ (value &>> 63))
        while word > 127 {
            out.storeBytes(of: UInt8(truncatingIfNeeded: word) | 128, as: UInt8.self)
            out += 1
            word &>>= 7
        }
        out.storeBytes(of: UInt8(truncatingIfNeeded: word), as: UInt8.self)
        out += 1
    }
}

extension cerro_span {
    /// The bits of what lies between the least and the most.
    fileprivate var width: Int {
        UInt64.bitWidth - UInt64(bitPattern: most &- least).leadingZeroBitCount
    }
}
