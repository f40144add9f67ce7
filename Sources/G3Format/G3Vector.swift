/// A vector of a frame, as its bytes: decoded only when somebody asks for it.
public struct G3Vector: Hashable, Sendable {
    /// What its elements are.
    public enum Kind: Hashable, Sendable {
        /// Float64.
        case doubles
        /// Signed integers of so many bytes each: 1, 2, 4 or 8.
        case integers(width: Int)
        /// One byte each, 0 or not.
        case bools
        /// Texts, a length and the bytes each.
        case strings
    }

    /// What its elements are.
    public let kind: Kind
    /// How many there are.
    public let count: Int
    let bytes: ArraySlice<UInt8>
    let isBigEndian: Bool

    /// The elements as doubles; none for texts.
    public var doubles: [Double] {
        switch kind {
        case .doubles:
            words(UInt64.self).map { Double(bitPattern: $0) }
        case .integers, .bools: integers.map { Double($0) }
        case .strings: []
        }
    }

    /// The elements as integers; none for doubles and texts.
    public var integers: [Int64] {
        switch kind {
        case .integers(width: 1): words(Int8.self).map(Int64.init)
        case .integers(width: 2): words(Int16.self).map(Int64.init)
        case .integers(width: 4): words(Int32.self).map(Int64.init)
        case .integers: words(Int64.self)
        case .bools: bytes.map { $0 == 0 ? 0 : 1 }
        case .doubles, .strings: []
        }
    }

    /// The elements as truths; none for others.
    public var bools: [Bool] { kind == .bools ? bytes.map { $0 != 0 } : [] }

    /// The elements as texts; none for others.
    public var strings: [String] {
        guard kind == .strings else { return [] }
        var cursor = G3Cursor(bytes)
        cursor.isBigEndian = isBigEndian
        var texts: [String] = []
        texts.reserveCapacity(count)
        // The lengths were checked when the vector was found.
        while texts.count < count, let text = try? cursor.text() { texts.append(text) }
        return texts
    }

    private func words<Word: FixedWidthInteger>(_ type: Word.Type) -> [Word] {
        let words = [Word](unsafeUninitializedCapacity: count) { buffer, initialized in
            bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(buffer).copyMemory(from: $0) }
            initialized = count
        }
        guard isBigEndian != (Word(bigEndian: 1) == 1) else { return words }
        return words.map(\.byteSwapped)
    }
}
