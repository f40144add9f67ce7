/// Walks over numbers and texts in bytes, in the byte order that a flag has said.
struct G3Cursor {
    let bytes: ArraySlice<UInt8>
    private(set) var offset: Int
    /// Whether the most significant byte comes first.
    var isBigEndian = false

    /// A walk over `bytes`, whose indices are those of errors.
    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        offset = bytes.startIndex
    }

    /// Bytes that are left.
    var rest: Int { bytes.endIndex - offset }

    /// Reads the flag that says which byte comes first.
    mutating func byteOrder() throws(G3Error) {
        let flag: UInt8 = try integer()
        guard flag <= 1 else {
            throw malformed(at: offset - 1, "byte-order flag \(flag), expected 0 or 1")
        }
        isBigEndian = flag == 0
    }

    /// Reads an integer.
    mutating func integer<Word: FixedWidthInteger>() throws(G3Error) -> Word {
        let part = try take(MemoryLayout<Word>.size)
        let word = part.withUnsafeBytes { $0.loadUnaligned(as: Word.self) }
        return isBigEndian ? Word(bigEndian: word) : Word(littleEndian: word)
    }

    /// Reads a double.
    mutating func double() throws(G3Error) -> Double {
        Double(bitPattern: try integer())
    }

    /// Reads a count of parts of `width` bytes at least, which have to be there.
    mutating func count(of width: Int) throws(G3Error) -> Int {
        let place = offset
        let count: UInt64 = try integer()
        guard count <= UInt64(rest / max(width, 1)) else {
            throw malformed(at: place, "\(count) parts of \(width) bytes announced, \(rest) left")
        }
        return Int(count)
    }

    /// Reads a text; bytes that are no UTF-8 are replaced.
    mutating func text() throws(G3Error) -> String {
        String(decoding: try take(try count(of: 1)), as: UTF8.self)
    }

    /// Goes over so many texts.
    mutating func skipTexts(_ count: Int) throws(G3Error) {
        let swaps = isBigEndian
        let end = bytes.withUnsafeBytes { bytes -> Int? in
            var place = offset - self.bytes.startIndex
            for _ in 0..<count {
                guard bytes.count - place >= 8 else { return nil }
                let word = bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)
                let length = swaps ? UInt64(bigEndian: word) : UInt64(littleEndian: word)
                guard length <= UInt64(bytes.count - place - 8) else { return nil }
                place += 8 + Int(length)
            }
            return place
        }
        guard let end else {
            throw malformed(at: offset, "\(count) texts announced, longer than what is left")
        }
        offset = bytes.startIndex + end
    }

    /// Takes so many bytes.
    mutating func take(_ count: Int) throws(G3Error) -> ArraySlice<UInt8> {
        guard count <= rest else { throw G3Error(offset: offset, .cutOff) }
        defer { offset += count }
        return bytes[offset..<(offset + count)]
    }

    func malformed(at place: Int, _ what: String) -> G3Error {
        G3Error(offset: place, .malformed(what))
    }
}
