/// Reads the part of an address behind `?`.
package enum AddressQuery {
    /// The parameters in order, with `%41` and `+` (a blank) decoded.
    package static func pairs(_ query: String) -> [(name: String, text: String)] {
        query.split(separator: "&").map { part in
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (decoded(sides[0]), sides.count == 2 ? decoded(sides[1]) : "")
        }
    }

    /// Bytes that are no hexadecimal digits stay as they are; so do those that make no UTF-8,
    /// repaired.
    private static func decoded(_ text: Substring) -> String {
        let bytes = Array(text.utf8)
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let high = digit(bytes[index + 1]), let low = digit(bytes[index + 2])
            {
                decoded.append(high << 4 | low)
                index += 3
            } else {
                decoded.append(
                    bytes[index] == UInt8(ascii: "+") ? UInt8(ascii: " ") : bytes[index]
                )
                index += 1
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
