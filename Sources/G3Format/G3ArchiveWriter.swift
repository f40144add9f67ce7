/// Writes one archive of the kind that stands behind each key of a frame.
///
/// Source: the portable binary form of the cereal library, as spt3g uses it.
struct G3ArchiveWriter {
    private(set) var bytes: [UInt8] = [1]
    private var classes: [String: UInt32] = [:]
    private var versioned: Set<String> = []
    private var objects: UInt32 = 0

    private static let first: UInt32 = 0x8000_0000

    /// The archive of one value.
    static func archive(_ body: (inout G3ArchiveWriter) -> Void) -> [UInt8] {
        var writer = G3ArchiveWriter()
        body(&writer)
        return writer.bytes
    }

    static func int(_ value: Int64) -> [UInt8] {
        archive { writer in
            writer.begin("G3Int")
            writer.put(value)
        }
    }

    static func double(_ value: Double) -> [UInt8] {
        archive { writer in
            writer.begin("G3Double")
            writer.put(value.bitPattern)
        }
    }

    static func string(_ value: String) -> [UInt8] {
        archive { writer in
            writer.begin("G3String")
            writer.put(text: value)
        }
    }

    static func strings(_ values: [String]) -> [UInt8] {
        archive { $0.putVector(strings: values) }
    }

    /// A pointer to a new object of a class, and the version of it where it comes first.
    mutating func begin(_ name: String, version: UInt32 = 1) {
        if let known = classes[name] {
            put(known)
        } else {
            let number = UInt32(classes.count + 1)
            classes[name] = number
            put(Self.first | number)
            put(text: name)
        }
        objects += 1
        put(Self.first | objects)
        putVersion(of: name, version)
        if name != "G3TimesampleMap" { putVersion(of: "G3FrameObject", 1) }
    }

    /// The version of a class, where it comes first.
    mutating func putVersion(of name: String, _ version: UInt32) {
        if versioned.insert(name).inserted { put(version) }
    }

    mutating func put(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func put(text: String) {
        put(UInt64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    mutating func put(blob: [UInt8]) {
        put(UInt64(blob.count))
        bytes.append(contentsOf: blob)
    }

    mutating func putVector(doubles: [Double]) {
        begin("G3VectorDouble")
        put(UInt64(doubles.count))
        for value in doubles { put(value.bitPattern) }
    }

    mutating func putVector(bools: [Bool]) {
        begin("G3VectorBool")
        put(UInt64(bools.count))
        bytes.append(contentsOf: bools.map { $0 ? 1 : 0 })
    }

    mutating func putVector(strings: [String]) {
        begin("G3VectorString")
        put(UInt64(strings.count))
        for text in strings { put(text: text) }
    }

    /// Integers of the fewest bits that hold all of them: 8, 16, 32 or 64.
    mutating func putVector(integers: [Int64]) {
        begin("G3VectorInt", version: 2)
        let least = integers.min() ?? 0
        let most = integers.max() ?? 0
        func fit<Word: FixedWidthInteger>(_ type: Word.Type) -> Bool {
            Word(exactly: least) != nil && Word(exactly: most) != nil
        }
        func put<Word: FixedWidthInteger>(all type: Word.Type) {
            self.put(Int32(Word.bitWidth))
            self.put(UInt64(integers.count))
            for value in integers { self.put(Word(truncatingIfNeeded: value)) }
        }
        if fit(Int8.self) {
            put(all: Int8.self)
        } else if fit(Int16.self) {
            put(all: Int16.self)
        } else if fit(Int32.self) {
            put(all: Int32.self)
        } else {
            put(all: Int64.self)
        }
    }
}
