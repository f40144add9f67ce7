internal import CPacking

/// Doubles as integers from which every one of them comes back bit for bit.
///
/// A form is found on a sample and checked on every value; those that it does not give back are
/// exceptions, kept aside.
enum ExactScaling: Hashable {
    /// `integer / 10^exponent`: a division gives back what a decimal literal of so many digits is;
    /// a multiplication by 10^-exponent would not.
    case decimal(exponent: Int)
    /// `integer / 2^exponent`: values that were born as Float32, or in a converter.
    case binary(exponent: Int)
    /// The bits, mapped so that the order of integers is that of the doubles.
    case bits

    /// The largest exponent of ten: the power is a double without error.
    static let largestDecimal = 15
    /// The largest exponent of two; the powers are doubles without error.
    static let largestBinary = 100
    /// Values that are looked at to find the form.
    static let sample = 256
    /// More exceptions than one in so many, and the bits are shorter.
    static let exceptionsPerValue = 10
    /// Integers stay below it: beyond, a double is no longer exact.
    static let largestInteger = 0x1p51

    private static let powersOfTen: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ]

    /// What the integers are divided by; nil for the bits, and for exponents beyond the limits.
    var divisor: Double? {
        switch self {
        case .decimal(let exponent):
            Self.powersOfTen.indices.contains(exponent) ? Self.powersOfTen[exponent] : nil
        case .binary(let exponent):
            (0...Self.largestBinary).contains(exponent)
                ? Double(sign: .plus, exponent: exponent, significand: 1) : nil
        case .bits: nil
        }
    }

    /// The form that gives back most values of a sample, the bits if none does.
    static func find(_ values: UnsafeBufferPointer<Double>) -> ExactScaling {
        withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * sample) { room in
            let stride = max(1, values.count / sample)
            var count = 0
            var place = 0
            while place < values.count, count < room.count {
                room[count] = values[place]
                if values[place].isFinite { count += 1 }
                place += stride
            }
            return find(in: UnsafeBufferPointer(rebasing: room[..<count]))
        }
    }

    private static func find(in looked: UnsafeBufferPointer<Double>) -> ExactScaling {
        guard !looked.isEmpty else { return .bits }
        let allowed = looked.count / (2 * exceptionsPerValue)
        for exponent in 0...largestDecimal {
            let form = ExactScaling.decimal(exponent: exponent)
            if form.fits(looked, butFor: allowed) { return form }
        }
        // With all of its 53 bits a number is no integer below 2^51, whatever it is multiplied by.
        let wide = looked.count { $0 != 0 && $0.significandBitPattern & 3 != 0 }
        guard wide <= allowed else { return .bits }
        let needed = looked.map(binaryExponent).sorted()
        let exponent = max(0, needed[max(0, needed.count - 1 - allowed)])
        let form = ExactScaling.binary(exponent: exponent)
        return form.divisor != nil && form.fits(looked, butFor: allowed) ? form : .bits
    }

    private func fits(_ values: UnsafeBufferPointer<Double>, butFor allowed: Int) -> Bool {
        guard let divisor else { return false }
        var exceptions = 0
        for value in values where Self.integer(value, divisor) == nil {
            exceptions += 1
            if exceptions > allowed { return false }
        }
        return true
    }

    /// The power of two that makes a number an integer.
    private static func binaryExponent(_ value: Double) -> Int {
        guard value != 0 else { return 0 }
        let zeros = min(value.significandBitPattern.trailingZeroBitCount, 52)
        return 52 - zeros - Int(value.exponent)
    }

    @inline(__always)
    private static func integer(_ value: Double, _ divisor: Double) -> Int64? {
        let scaled = (value * divisor).rounded()
        guard scaled.magnitude < largestInteger else { return nil }
        let integer = Int64(scaled)
        // Of the integer, since that of -0 is 0.
        return (Double(integer) / divisor).bitPattern == value.bitPattern ? integer : nil
    }

    /// Fills `integers`; where a value has none, with the one before it, and its place is told.
    ///
    /// - Returns: the places of the exceptions; nil where there are more of them than one in
    ///   ``exceptionsPerValue``.
    func encode(
        _ values: UnsafeBufferPointer<Double>,
        into integers: UnsafeMutableBufferPointer<Int64>
    ) -> [Int]? {
        guard let divisor else {
            for row in values.indices { integers[row] = Self.ordered(values[row]) }
            return []
        }
        var exceptions: [Int] = []
        let allowed = values.count / Self.exceptionsPerValue
        let piece = 512
        var from = 0
        while from < values.count {
            let end = min(values.count, from + piece)
            if let start = values.baseAddress, let place = integers.baseAddress,
                cerro_scale(start + from, end - from, divisor, place + from) == 0
            {
                for row in from..<end {
                    if let integer = Self.integer(values[row], divisor) {
                        integers[row] = integer
                    } else {
                        integers[row] = row > 0 ? integers[row - 1] : 0
                        exceptions.append(row)
                    }
                }
                guard exceptions.count <= allowed else { return nil }
            }
            from = end
        }
        return exceptions
    }

    /// Fills `values` with the doubles of integers that `read` puts into the same place; exceptions
    /// are for the caller to put back.
    ///
    /// - Returns: what `read` returns; nil where there are no integers.
    func decode(
        into values: UnsafeMutableBufferPointer<Double>,
        _ read: (UnsafeMutableBufferPointer<Int64>) -> Int?
    ) -> Int? {
        guard let used = values.withMemoryRebound(to: Int64.self, read) else { return nil }
        if let divisor {
            cerro_unscale(values.baseAddress, values.count, divisor)
        } else {
            let bits = UnsafeMutableRawBufferPointer(values)
            for row in values.indices {
                let integer = bits.load(fromByteOffset: 8 * row, as: Int64.self)
                values.initializeElement(at: row, to: Double(bitPattern: Self.bits(integer)))
            }
        }
        return used
    }

    private static func ordered(_ value: Double) -> Int64 {
        let bits = Int64(bitPattern: value.bitPattern)
        return bits ^ ((bits &>> 63) & Int64.max)
    }

    private static func bits(_ integer: Int64) -> UInt64 {
        UInt64(bitPattern: integer ^ ((integer &>> 63) & Int64.max))
    }
}
