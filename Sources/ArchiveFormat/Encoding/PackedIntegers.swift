internal import CPacking

/// Integers in groups of 128, each as the shortest of four predictions and bit-packed residuals.
///
/// First the common factor of all differences from the first value, at least 1, and where that is
/// more than 1 the first value, both as zigzag varints: then what follows is
/// (value − first value) / factor instead of the value.
///
/// A group is a byte `mode << 6 | width`, then zigzag varints, then 128 residuals (fewer in the
/// last group) of `width` bits each, the first in the lowest bits, filled up to a whole byte. A
/// width of 63 stands for 64. All arithmetic wraps around at 64 bits.
///
/// - mode 0, offset: base − last value of the group before; value = base + residual
/// - mode 1, delta: base; value = value before + base + residual
/// - mode 2, line: base − last value before, slope − slope of the last line (0 before the
///   first), in 1/256; value = base + ⌊slope·i/256⌋ + residual
/// - mode 3, delta of delta: base; value = value before + difference of the two before it
///   + base + residual
///
/// Before the first group both values are 0.
enum PackedIntegers {
    /// Values of a group.
    static let group = 128
    /// Bytes that a group takes at most, and eight that its writer may touch behind them.
    static let longestGroup = 1 + 2 * 10 + group * 8 + 8
    /// Bytes of the factor and the first value, at most.
    static let longestHead = 2 * 10
    /// One in so many groups is looked at in all four ways; those behind it in the best way only.
    static let lookEvery = 4

    enum Mode: UInt8, CaseIterable {
        case offset, delta, line, deltaOfDelta
    }

    /// Appends `values` to `bytes`.
    static func append(_ values: UnsafeBufferPointer<Int64>, to bytes: ByteBuffer) {
        guard let first = values.first else { return }
        let factor = CommonFactor.sampled(values)
        if factor > 1 {
            let isDone = withUnsafeTemporaryAllocation(of: Int64.self, capacity: values.count) {
                guard CommonFactor.divide(values, by: factor, into: $0) else { return false }
                append(UnsafeBufferPointer($0), factor: factor, first: first, to: bytes)
                return true
            }
            if isDone { return }
        }
        append(values, factor: 1, first: 0, to: bytes)
    }

    private static func append(
        _ values: UnsafeBufferPointer<Int64>,
        factor: Int64,
        first: Int64,
        to bytes: ByteBuffer
    ) {
        guard let base = values.baseAddress else { return }
        let groups = (values.count + group - 1) / group
        let out = bytes.place(for: longestHead + groups * longestGroup)
        withUnsafeTemporaryAllocation(of: Int64.self, capacity: group) { residuals in
            guard let residuals = residuals.baseAddress else { return }
            var packer = IntegerPacker(out: out, residuals: residuals)
            packer.putVarint(factor)
            if factor > 1 { packer.putVarint(first) }
            for number in 0..<groups {
                let from = number * group
                packer.put(base + from, min(group, values.count - from), number)
            }
            bytes.advance(out.distance(to: packer.out))
        }
    }

    /// Fills `values` from the groups in `bytes`; returns how many bytes they take, nil where they
    /// do not fill it.
    static func read(
        _ bytes: UnsafeRawBufferPointer,
        into values: UnsafeMutableBufferPointer<Int64>
    ) -> Int? {
        guard let base = values.baseAddress, !values.isEmpty else { return 0 }
        var unpacker = IntegerUnpacker(bytes)
        let padded = UnsafeMutableRawBufferPointer.allocate(
            byteCount: group * 8 + 8,
            alignment: 8
        )
        defer { padded.deallocate() }
        guard let (factor, first) = unpacker.head() else { return nil }
        var from = 0
        while from < values.count {
            let count = min(group, values.count - from)
            guard unpacker.take(count, to: base + from, padded) else { return nil }
            from += count
        }
        if factor > 1 { cerro_multiply(base, values.count, factor, first) }
        return unpacker.offset
    }
}
