internal import CPacking

/// What all differences between some integers are multiples of.
enum CommonFactor {
    /// Values that are looked at first: mostly they say that there is none.
    static let sample = 32

    /// The factor of a sample, which others may not have; 1 where there is none.
    static func sampled(_ values: UnsafeBufferPointer<Int64>) -> Int64 {
        let stride = max(1, values.count / sample)
        var factor: UInt64 = 0
        var place = stride
        while place < values.count, factor != 1 {
            var (left, right) = (factor, (values[place] &- values[0]).magnitude)
            while right != 0 { (left, right) = (right, left % right) }
            factor = left
            place += stride
        }
        return Int64(exactly: factor).map { max($0, 1) } ?? 1
    }

    /// Fills `quotients` with (value − first value) / factor; false if one is no integer.
    static func divide(
        _ values: UnsafeBufferPointer<Int64>,
        by factor: Int64,
        into quotients: UnsafeMutableBufferPointer<Int64>
    ) -> Bool {
        guard let start = values.baseAddress, let place = quotients.baseAddress else { return true }
        return cerro_divide(start, values.count, factor, place) != 0
    }
}
