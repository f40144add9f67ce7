/// Why bytes are no frame of a `.g3` file, and where.
public struct G3Error: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong.
    public enum Reason: Hashable, Sendable {
        /// The file ends inside of a frame.
        case cutOff
        /// The checksum of a frame is not that of its contents.
        case checksum(found: UInt32, expected: UInt32)
        /// A number that no such file has: a length beyond the bytes, an unknown flag or version.
        case malformed(String)
    }

    /// Where, in bytes from the beginning of the file (of the value, before that is known).
    public var offset: Int
    /// What is wrong there.
    public var reason: Reason

    /// An error at a place.
    public init(offset: Int, _ reason: Reason) {
        self.offset = offset
        self.reason = reason
    }

    /// Where, what was found, and what to do.
    public var description: String {
        switch reason {
        case .cutOff:
            "byte \(offset): the file ends inside of a frame; what is before it is good: "
                + "the rest is still being written, or is lost"
        case .checksum(let found, let expected):
            "byte \(offset): the frame's checksum is \(Self.text(found)), expected "
                + "\(Self.text(expected)): take the file from a copy"
        case .malformed(let what): "byte \(offset): \(what)"
        }
    }

    private static func text(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}

/// What bounds a `.g3` file as it is read, in one place.
public enum G3Limits {
    /// Bytes of one frame; so3g's own are a thousand times shorter.
    public static let frame = 512 << 20
    /// Entries of one frame.
    static let entries = 4096
    /// Bytes that are read from a file at once.
    static let window = 4 << 20
    /// Values inside of values.
    static let depth = 8
}
