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

    /// The column of `rows` values of `type`.
    static func decode(
        _ bytes: UnsafeRawBufferPointer,
        _ type: FieldType,
        rows: Int
    ) throws(ChunkError) -> Column {
        guard bytes.count >= 2, let form = Form(rawValue: bytes[0]) else {
            throw .contents("no form")
        }
        var body = UnsafeRawBufferPointer(rebasing: bytes[1...])
        let presence = try ChunkCodec.presence(&body, rows: rows)
        let count = presence?.count { $0 } ?? rows
        switch (type, form) {
        case (.int, .integers):
            let values = try integers(body, count)
            return Column(.ints(spread(values, presence, rows, 0)), presence: presence)
        case (.bool, .integers):
            let values = try integers(body, count).map { $0 != 0 }
            return Column(.bools(spread(values, presence, rows, false)), presence: presence)
        case (.double, .decimal), (.double, .binary), (.double, .bits):
            let values = try doubles(body, form, count)
            return Column(.doubles(spread(values, presence, rows, 0)), presence: presence)
        case (.string, .texts):
            let values = try texts(body, count)
            return Column(.strings(spread(values, presence, rows, "")), presence: presence)
        default: throw .contents("form \(form.rawValue) is none of \(type.rawValue)")
        }
    }

    private static func integers(
        _ bytes: UnsafeRawBufferPointer,
        _ count: Int
    ) throws(ChunkError) -> [Int64] {
        var used: Int?
        let values = [Int64](unsafeUninitializedCapacity: count) { buffer, initialized in
            let whole = UnsafeMutableBufferPointer(rebasing: buffer[..<count])
            used = PackedIntegers.read(bytes, into: whole)
            initialized = used == nil ? 0 : count
        }
        guard used == bytes.count else { throw .contents("the packed integers are cut off") }
        return values
    }

    private static func doubles(
        _ bytes: UnsafeRawBufferPointer,
        _ form: Form,
        _ count: Int
    ) throws(ChunkError) -> [Double] {
        var rest = bytes
        var scaling = ExactScaling.bits
        if form != .bits {
            guard let exponent = rest.first.map(Int.init) else { throw .contents("no exponent") }
            scaling = form == .decimal ? .decimal(exponent: exponent) : .binary(exponent: exponent)
            guard scaling.divisor != nil else { throw .contents("exponent \(exponent)") }
            rest = UnsafeRawBufferPointer(rebasing: rest[1...])
        }
        let exceptions = try exceptions(&rest, count)
        let integers = try integers(rest, count)
        return integers.withUnsafeBufferPointer { integers in
            [Double](unsafeUninitializedCapacity: count) { buffer, initialized in
                scaling.decode(integers, into: buffer)
                for (row, bits) in exceptions { buffer[row] = Double(bitPattern: bits) }
                initialized = count
            }
        }
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
        _ count: Int
    ) throws(ChunkError) -> [String] {
        guard bytes.count >= 4 else { throw .contents("the texts are cut off") }
        let number = Int(UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)))
        guard number <= count else { throw .contents("\(number) texts for \(count) rows") }
        var rest = UnsafeRawBufferPointer(rebasing: bytes[4...])
        let dictionary = try ChunkCodec.texts(&rest, rows: number)
        var texts: [String] = []
        texts.reserveCapacity(count)
        for integer in try integers(rest, count) {
            guard dictionary.indices.contains(Int(integer)) else {
                throw .contents("text \(integer) of \(number)")
            }
            texts.append(dictionary[Int(integer)])
        }
        return texts
    }

    /// Puts the values that are there into their rows.
    private static func spread<Element>(
        _ values: [Element],
        _ presence: [Bool]?,
        _ rows: Int,
        _ filler: Element
    ) -> [Element] {
        guard let presence else { return values }
        var spread: [Element] = []
        spread.reserveCapacity(rows)
        var next = 0
        for isThere in presence {
            spread.append(isThere ? values[next] : filler)
            if isThere { next += 1 }
        }
        return spread
    }
}
