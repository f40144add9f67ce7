/// Writes groups one behind the other.
struct IntegerPacker {
    var out: UnsafeMutableRawPointer
    let residuals: UnsafeMutablePointer<UInt64>
    private var last: Int64 = 0, lastDelta: Int64 = 0, lastSlope: Int64 = 0
    private var mode = PackedIntegers.Mode.offset

    init(out: UnsafeMutableRawPointer, residuals: UnsafeMutablePointer<UInt64>) {
        self.out = out
        self.residuals = residuals
    }

    mutating func put(_ values: UnsafePointer<Int64>, _ count: Int, _ number: Int) {
        let isLooked = number % PackedIntegers.lookEvery == 0
        let slope = isLooked || mode == .line ? Self.slope(values, count) : 0
        if isLooked { mode = best(values, count, slope) }
        let (base, spread) = prepare(mode, values, count, slope)
        let width = UInt64.bitWidth - spread.leadingZeroBitCount
        let code = min(width, 63)
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
        var offset = Span()
        var delta = Span()
        var line = Span()
        var second = Span()
        var last = last
        var lastDelta = lastDelta
        for row in 0..<count {
            let value = values[row]
            let difference = value &- last
            offset.note(value)
            delta.note(difference)
            line.note(value &- (slope &* Int64(truncatingIfNeeded: row)) >> 8)
            second.note(difference &- lastDelta)
            last = value
            lastDelta = difference
        }
        var best = (PackedIntegers.Mode.offset, offset.width)
        if delta.width < best.1 { best = (.delta, delta.width) }
        if line.width < best.1 { best = (.line, line.width) }
        if second.width < best.1 { best = (.deltaOfDelta, second.width) }
        return best.0
    }

    /// Puts what is left of the values into ``residuals``; returns the least and the spread.
    private func prepare(
        _ mode: PackedIntegers.Mode,
        _ values: UnsafePointer<Int64>,
        _ count: Int,
        _ slope: Int64
    ) -> (base: Int64, spread: UInt64) {
        var span = Span()
        switch mode {
        case .offset:
            for row in 0..<count { put(values[row], row, &span) }
        case .delta:
            put(values[0] &- last, 0, &span)
            for row in 1..<max(count, 1) { put(values[row] &- values[row - 1], row, &span) }
        case .line:
            for row in 0..<count {
                put(values[row] &- (slope &* Int64(truncatingIfNeeded: row)) >> 8, row, &span)
            }
        case .deltaOfDelta:
            var before = last
            var difference = lastDelta
            for row in 0..<count {
                let next = values[row] &- before
                put(next &- difference, row, &span)
                before = values[row]
                difference = next
            }
        }
        return (span.least, UInt64(bitPattern: span.most &- span.least))
    }

    @inline(__always)
    private func put(_ residual: Int64, _ row: Int, _ span: inout Span) {
        residuals[row] = UInt64(bitPattern: residual)
        span.note(residual)
    }

    private mutating func pack(_ count: Int, _ base: Int64, _ width: Int) {
        guard width > 0 else { return }
        let least = UInt64(bitPattern: base)
        guard width < 64 else {
            for row in 0..<count {
                out.storeBytes(
                    of: (residuals[row] &- least).littleEndian,
                    toByteOffset: row * 8,
                    as: UInt64.self
                )
            }
            out += count * 8
            return
        }
        var word: UInt64 = 0
        var filled = 0
        var place = out
        for row in 0..<count {
            let value = residuals[row] &- least
            word |= value &<< UInt64(truncatingIfNeeded: filled)
            filled &+= width
            if filled >= 64 {
                place.storeBytes(of: word.littleEndian, as: UInt64.self)
                place += 8
                filled &-= 64
                word = filled == 0 ? 0 : value &>> UInt64(truncatingIfNeeded: width &- filled)
            }
        }
        // Up to eight bytes behind the group are written over by the next one, or cut off.
        place.storeBytes(of: word.littleEndian, as: UInt64.self)
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

/// The least and the most of some integers.
private struct Span {
    var least = Int64.max, most = Int64.min

    @inline(__always)
    mutating func note(_ value: Int64) {
        least = min(least, value)
        most = max(most, value)
    }

    var width: Int {
        let spread = UInt64(bitPattern: most &- least)
        return spread == 0 ? 0 : UInt64.bitWidth - spread.leadingZeroBitCount
    }
}
