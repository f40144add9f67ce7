/// A value in a frame, of the classes that housekeeping uses.
public indirect enum G3Value: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    /// An instant, in ticks of 10 ns since 1970-01-01 UTC.
    case time(Int64)
    case vector(G3Vector)
    /// Instants, in ticks of 10 ns since 1970-01-01 UTC.
    case times(G3Vector)
    case objects([G3Value])
    case map([String: G3Value])
    /// Vectors of N elements each, and N instants.
    case timesamples([String: G3Vector], times: G3Vector)
    /// A block of schema version 0: a prefix, N instants in seconds, vectors of N doubles.
    case irregularBlock(prefix: String, times: G3Vector, [String: G3Vector])

    /// The integer, nil for others.
    public var int: Int64? { if case .int(let value) = self { value } else { nil } }
    /// The text, nil for others.
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The number, nil for others.
    public var double: Double? {
        switch self {
        case .double(let value): value
        case .int(let value): Double(value)
        default: nil
        }
    }
}

/// Reads one archive of the kind that stands behind each key of a frame.
///
/// Source: the portable binary form of the cereal library, as spt3g uses it.
struct G3ArchiveReader {
    private var cursor: G3Cursor
    /// The classes that were named: number n is the n-th.
    private var classes: [String] = []
    /// Few, so that looking at each is faster than a table.
    private var versions: [(name: String, version: UInt32)] = []
    /// The objects that were there: number n is the n-th; null while its contents are read.
    private var objects: [G3Value] = []
    private let depth: Int

    private static let first: UInt32 = 0x8000_0000

    private init(_ bytes: ArraySlice<UInt8>, depth: Int) {
        cursor = G3Cursor(bytes)
        self.depth = depth
    }

    /// The value that `bytes` hold, which it has to use up.
    static func value(_ bytes: ArraySlice<UInt8>, depth: Int = 0) throws(G3Error) -> G3Value {
        guard depth < G3Limits.depth else {
            throw G3Error(
                offset: bytes.startIndex,
                .malformed("values inside of values, \(depth) deep")
            )
        }
        var reader = G3ArchiveReader(bytes, depth: depth)
        try reader.cursor.byteOrder()
        let value = try reader.object()
        guard reader.cursor.rest == 0 else {
            throw reader.cursor.malformed(
                at: reader.cursor.offset,
                "\(reader.cursor.rest) bytes behind the value"
            )
        }
        return value
    }

    /// A pointer to an object of any class.
    private mutating func object() throws(G3Error) -> G3Value {
        let place = cursor.offset
        let id: UInt32 = try cursor.integer()
        guard id != 0 else { return .null }
        if id & Self.first != 0 {
            // They are numbered in order of appearance.
            guard id & ~Self.first == UInt32(classes.count + 1) else {
                throw cursor.malformed(at: place, "class \(id & ~Self.first) is not the next one")
            }
            classes.append(try cursor.text())
        }
        let number = Int(id & ~Self.first)
        guard number >= 1, number <= classes.count else {
            throw cursor.malformed(at: place, "class \(id) was never named")
        }
        return try object(of: classes[number - 1], place)
    }

    /// A new object of a class, or one that was there before.
    private mutating func object(of name: String, _ place: Int) throws(G3Error) -> G3Value {
        let id: UInt32 = try cursor.integer()
        let number = Int(id & ~Self.first)
        guard id & Self.first != 0 else {
            guard number >= 1, number <= objects.count else {
                throw cursor.malformed(at: place, "object \(number) was never there")
            }
            return objects[number - 1]
        }
        guard number == objects.count + 1 else {
            throw cursor.malformed(at: place, "object \(number) is not the next one")
        }
        objects.append(.null)
        let value = try contents(of: name, place)
        objects[number - 1] = value
        return value
    }

    /// The version of a class: in the file where it comes first.
    private mutating func version(of name: String) throws(G3Error) -> UInt32 {
        if let known = versions.first(where: { $0.name == name }) { return known.version }
        let version: UInt32 = try cursor.integer()
        versions.append((name, version))
        return version
    }

    private mutating func contents(of name: String, _ place: Int) throws(G3Error) -> G3Value {
        let version = try version(of: name)
        if name == "G3TimesampleMap" { return try timesamples() }
        _ = try self.version(of: "G3FrameObject")
        switch name {
        case "G3Bool":
            let byte: UInt8 = try cursor.integer()
            return .bool(byte != 0)
        case "G3Int": return .int(try cursor.integer())
        case "G3Double": return .double(try cursor.double())
        case "G3String": return .string(try cursor.text())
        case "G3Time": return .time(try cursor.integer())
        case "G3VectorDouble": return .vector(try vector(.doubles, 8))
        case "G3VectorBool", "G3VectorUnsignedChar": return .vector(try vector(.bools, 1))
        case "G3VectorString": return .vector(try strings())
        case "G3VectorInt": return .vector(try integers(version))
        case "G3VectorTime": return .times(try times())
        case "G3VectorFrameObject":
            var values: [G3Value] = []
            for _ in 0..<(try cursor.count(of: 4)) { values.append(try object()) }
            return .objects(values)
        case "G3MapFrameObject": return .map(try map())
        case "IrregBlockDouble": return try irregularBlock()
        default: throw cursor.malformed(at: place, "class \(name) is none of housekeeping")
        }
    }

    private mutating func vector(_ kind: G3Vector.Kind, _ width: Int) throws(G3Error) -> G3Vector {
        let count = try cursor.count(of: width)
        return G3Vector(
            kind: kind,
            count: count,
            bytes: try cursor.take(count * width),
            isBigEndian: cursor.isBigEndian
        )
    }

    private mutating func strings() throws(G3Error) -> G3Vector {
        let count = try cursor.count(of: 8)
        let start = cursor.offset
        try cursor.skipTexts(count)
        return G3Vector(
            kind: .strings,
            count: count,
            bytes: cursor.bytes[start..<cursor.offset],
            isBigEndian: cursor.isBigEndian
        )
    }

    private mutating func integers(_ version: UInt32) throws(G3Error) -> G3Vector {
        guard version > 1 else { return try vector(.integers(width: 4), 4) }
        let place = cursor.offset
        let bits: Int32 = try cursor.integer()
        guard [8, 16, 32, 64].contains(bits) else {
            throw cursor.malformed(at: place, "integers of \(bits) bits")
        }
        return try vector(.integers(width: Int(bits) / 8), Int(bits) / 8)
    }

    /// The version of the elements comes before the first of them only.
    private mutating func times() throws(G3Error) -> G3Vector {
        let count = try cursor.count(of: 8)
        if count > 0 { _ = try version(of: "G3Time") }
        guard count * 8 <= cursor.rest else { throw G3Error(offset: cursor.offset, .cutOff) }
        return G3Vector(
            kind: .integers(width: 8),
            count: count,
            bytes: try cursor.take(count * 8),
            isBigEndian: cursor.isBigEndian
        )
    }

    private mutating func map() throws(G3Error) -> [String: G3Value] {
        let count: UInt32 = try cursor.integer()
        guard Int(count) <= cursor.rest / 16 else {
            throw cursor.malformed(at: cursor.offset - 4, "\(count) entries announced")
        }
        var map: [String: G3Value] = [:]
        for _ in 0..<count {
            let key = try cursor.text()
            map[key] = try Self.value(try cursor.take(try cursor.count(of: 1)), depth: depth + 1)
        }
        return map
    }

    private mutating func timesamples() throws(G3Error) -> G3Value {
        let place = cursor.offset
        _ = try version(of: "G3MapFrameObject")
        _ = try version(of: "G3FrameObject")
        var vectors: [String: G3Vector] = [:]
        for (key, value) in try map() {
            guard case .vector(let vector) = value else {
                throw cursor.malformed(at: place, "field \(key) of a block is no vector")
            }
            vectors[key] = vector
        }
        _ = try version(of: "G3VectorTime")
        let times = try times()
        for (key, vector) in vectors where vector.count != times.count {
            throw cursor.malformed(
                at: place,
                "field \(key) has \(vector.count) values for \(times.count) times"
            )
        }
        return .timesamples(vectors, times: times)
    }

    private mutating func irregularBlock() throws(G3Error) -> G3Value {
        let place = cursor.offset
        let prefix = try cursor.text()
        _ = try version(of: "G3VectorDouble")
        let times = try vector(.doubles, 8)
        _ = try version(of: "G3MapVectorDouble")
        var vectors: [String: G3Vector] = [:]
        for _ in 0..<(try cursor.count(of: 16)) {
            let key = try cursor.text()
            vectors[key] = try vector(.doubles, 8)
            guard vectors[key]?.count == times.count else {
                throw cursor.malformed(at: place, "field \(key) is not as long as the times")
            }
        }
        return .irregularBlock(prefix: prefix, times: times, vectors)
    }
}
