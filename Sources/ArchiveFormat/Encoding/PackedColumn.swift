internal import Telemetry

/// A column as packed integers, behind one byte that says how they stand for its values.
///
/// Form (1 byte), then 1 if a presence map follows and 0 if not, then the map (as of plain
/// columns): only values that are there are packed, N' of them.
///
/// - 0, integers and booleans: packed integers
/// - 1, doubles: divisor 10^e, e in a byte; 2, doubles: divisor 2^e; 3, doubles: their ordered
///   bits. Then the number of exceptions (UInt32), for each its place (UInt32), for each its bits
///   (UInt64), and packed integers.
/// - 4, texts: number of different texts n (UInt32), n + 1 offsets (UInt32), the UTF-8 bytes, and
///   as packed integers the number of each row's text.
enum PackedColumn {
    enum Form: UInt8 {
        case integers, decimal, binary, bits, texts
    }

    /// Fills `space` with its values; where it throws, none of it is initialized.
    static func read(
        _ bytes: UnsafeRawBufferPointer,
        into space: ColumnSpace
    ) throws(ChunkError) -> [Bool]? {
        guard bytes.count >= 2, let form = Form(rawValue: bytes[0]) else {
            throw .contents("no form")
        }
        var body = UnsafeRawBufferPointer(rebasing: bytes[1...])
        let presence = try ChunkCodec.presence(&body, rows: space.count)
        switch (space, form) {
        case (.ints(let values), .integers):
            try spread(presence, 0, values) { (values) throws(ChunkError) in
                try integers(body, into: values)
            }
        case (.bools(let values), .integers):
            try spread(presence, false, values) { (values) throws(ChunkError) in
                try bools(body, into: values)
            }
        case (.doubles(let values), .decimal), (.doubles(let values), .binary),
            (.doubles(let values), .bits):
            try spread(presence, 0, values) { (values) throws(ChunkError) in
                try doubles(body, form, into: values)
            }
        case (.strings(let values), .texts):
            try spread(presence, "", values) { (values) throws(ChunkError) in
                try texts(body, into: values)
            }
        default: throw .contents("form \(form.rawValue) is none of \(space.type.rawValue)")
        }
        return presence
    }

    private static func integers(
        _ bytes: UnsafeRawBufferPointer,
        into values: UnsafeMutableBufferPointer<Int64>
    ) throws(ChunkError) {
        guard PackedIntegers.read(bytes, into: values) == bytes.count else { throw cutOff }
    }

    private static var cutOff: ChunkError { .contents("the packed integers are cut off") }

    private static func bools(
        _ bytes: UnsafeRawBufferPointer,
        into values: UnsafeMutableBufferPointer<Bool>
    ) throws(ChunkError) {
        let isRead = withUnsafeTemporaryAllocation(of: Int64.self, capacity: values.count) {
            (integers: UnsafeMutableBufferPointer<Int64>) -> Bool in
            let whole = UnsafeMutableBufferPointer(rebasing: integers[..<values.count])
            guard PackedIntegers.read(bytes, into: whole) == bytes.count else { return false }
            for row in values.indices { values.initializeElement(at: row, to: whole[row] != 0) }
            return true
        }
        guard isRead else { throw cutOff }
    }

    private static func doubles(
        _ bytes: UnsafeRawBufferPointer,
        _ form: Form,
        into values: UnsafeMutableBufferPointer<Double>
    ) throws(ChunkError) {
        var rest = bytes
        var scaling = ExactScaling.bits
        if form != .bits {
            guard let exponent = rest.first.map(Int.init) else { throw .contents("no exponent") }
            scaling = form == .decimal ? .decimal(exponent: exponent) : .binary(exponent: exponent)
            guard scaling.divisor != nil else { throw .contents("exponent \(exponent)") }
            rest = UnsafeRawBufferPointer(rebasing: rest[1...])
        }
        let exceptions = try exceptions(&rest, values.count)
        let used = scaling.decode(into: values) { PackedIntegers.read(rest, into: $0) }
        guard used == rest.count else { throw cutOff }
        for (row, bits) in exceptions { values[row] = Double(bitPattern: bits) }
    }

    private static func exceptions(
        _ bytes: inout UnsafeRawBufferPointer,
        _ count: Int
    ) throws(ChunkError) -> [(row: Int, bits: UInt64)] {
        guard bytes.count >= 4 else { throw .contents("the exceptions are cut off") }
        let number = Int(UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)))
        guard number <= count, bytes.count >= 4 + 12 * number else {
            throw .contents("\(number) exceptions are cut off")
        }
        var exceptions: [(row: Int, bits: UInt64)] = []
        for index in 0..<number {
            let row = bytes.loadUnaligned(fromByteOffset: 4 + 4 * index, as: UInt32.self)
            let bits = bytes.loadUnaligned(
                fromByteOffset: 4 + 4 * number + 8 * index,
                as: UInt64.self
            )
            guard Int(UInt32(littleEndian: row)) < count else {
                throw .contents("an exception beyond the rows")
            }
            exceptions.append((Int(UInt32(littleEndian: row)), UInt64(littleEndian: bits)))
        }
        bytes = UnsafeRawBufferPointer(rebasing: bytes[(4 + 12 * number)...])
        return exceptions
    }

    private static func texts(
        _ bytes: UnsafeRawBufferPointer,
        into values: UnsafeMutableBufferPointer<String>
    ) throws(ChunkError) {
        guard bytes.count >= 4 else { throw .contents("the texts are cut off") }
        let number = Int(UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)))
        guard number <= values.count else {
            throw .contents("\(number) texts for \(values.count) rows")
        }
        var rest = UnsafeRawBufferPointer(rebasing: bytes[4...])
        let dictionary = try ChunkCodec.texts(&rest, rows: number)
        var used: Int?
        let numbers = [Int64](unsafeUninitializedCapacity: values.count) { buffer, initialized in
            let whole = UnsafeMutableBufferPointer(rebasing: buffer[..<values.count])
            used = PackedIntegers.read(rest, into: whole)
            initialized = used == nil ? 0 : whole.count
        }
        guard used == rest.count else { throw cutOff }
        for integer in numbers where !dictionary.indices.contains(Int(integer)) {
            throw .contents("text \(integer) of \(number)")
        }
        // Equal ones stand together mostly.
        var row = 0
        while row < numbers.count {
            let integer = numbers[row]
            let end = numbers[row...].firstIndex { $0 != integer } ?? numbers.count
            values[row..<end].initialize(repeating: dictionary[Int(integer)])
            row = end
        }
    }

    /// Has `read` fill `values`, or as many as are there, which then are put into their rows.
    private static func spread<Element>(
        _ presence: [Bool]?,
        _ filler: Element,
        _ values: UnsafeMutableBufferPointer<Element>,
        _ read: (UnsafeMutableBufferPointer<Element>) throws(ChunkError) -> Void
    ) throws(ChunkError) {
        guard let presence else { return try read(values) }
        let count = presence.count { $0 }
        let there = UnsafeMutableBufferPointer<Element>.allocate(capacity: count)
        defer { there.deallocate() }
        try read(there)
        var next = 0
        for (row, isThere) in presence.enumerated() {
            values.initializeElement(at: row, to: isThere ? there[next] : filler)
            if isThere { next += 1 }
        }
        there.deinitialize()
    }
}
