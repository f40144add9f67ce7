internal import Glibc

/// Reads one item after the other where they stand, without building anything.
///
/// For documents whose shape is known: what is not as expected is nil, and then the reader stands
/// where it stood. Nothing is read beyond the bytes, whatever a length says; they have to outlive
/// the reader and what it gives.
public struct MessagePackReader {
    @usableFromInline var place: UnsafeRawPointer
    @usableFromInline let end: UnsafeRawPointer

    /// A reader at the beginning of `bytes`; nil where there are none.
    @inlinable
    public init?(_ bytes: UnsafeRawBufferPointer) {
        guard let place = bytes.baseAddress, !bytes.isEmpty else { return nil }
        self.place = place
        end = place + bytes.count
    }

    /// What is not read yet.
    @inlinable
    public var rest: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: place, count: end - place)
    }

    /// Whether all is read.
    @inlinable
    public var isAtEnd: Bool { place == end }

    /// The number of elements of an array, which follow.
    @inlinable
    public mutating func array() -> Int? {
        guard place < end else { return nil }
        let type = place.load(as: UInt8.self)
        if type & 0xF0 == 0x90 {
            place += 1
            return Int(type & 0x0F)
        }
        return type == 0xDC ? length(2) : type == 0xDD ? length(4) : nil
    }

    /// An integer in any of its forms.
    @inlinable @inline(__always)
    public mutating func int() -> Int64? {
        guard place < end else { return nil }
        let type = place.load(as: UInt8.self)
        if type < 0x80 || type >= 0xE0 {
            place += 1
            return Int64(Int8(bitPattern: type))
        }
        guard (0xCC...0xD3).contains(type) else { return nil }
        let width = 1 << Int(type & 3)
        guard end - place > width else { return nil }
        // Mostly eight bytes are there, of which those behind the number are shifted out.
        let word =
            end - place > 8
            ? (place + 1).loadUnaligned(as: UInt64.self).bigEndian >> UInt64(64 - 8 * width)
            : bigEndian(width)
        let isSigned = type >= 0xD0
        guard isSigned || width < 8 || word <= UInt64(Int64.max) else { return nil }
        place += 1 + width
        let unused = isSigned ? Int64(64 - 8 * width) : 0
        return (Int64(bitPattern: word) << unused) >> unused
    }

    /// Five integers, one behind the other: the header of a record, which is read for every row
    /// of some feeds.
    public mutating func fiveInts() -> InlineArray<5, Int64>? {
        var ahead = self
        var ints = InlineArray<5, Int64>(repeating: 0)
        // Nine bytes are the longest: where five times as many follow, nobody looks for the end.
        guard end - place >= 5 * 9 else {
            for number in ints.indices {
                guard let int = ahead.int() else { return nil }
                ints[number] = int
            }
            self = ahead
            return ints
        }
        for number in ints.indices {
            let type = ahead.place.load(as: UInt8.self)
            if type < 0x80 || type >= 0xE0 {
                ahead.place += 1
                ints[number] = Int64(Int8(bitPattern: type))
                continue
            }
            guard (0xCC...0xD3).contains(type) else { return nil }
            let width = 1 &<< Int64(type & 3)
            let unused = 64 &- 8 &* width
            let word = (ahead.place + 1).loadUnaligned(as: Int64.self).bigEndian
            let int =
                type >= 0xD0
                ? word &>> unused
                : Int64(bitPattern: UInt64(bitPattern: word) &>> UInt64(bitPattern: unused))
            guard type >= 0xD0 || int >= 0 else { return nil }
            ints[number] = int
            ahead.place += 1 + Int(width)
        }
        self = ahead
        return ints
    }

    /// The bytes of a `bin`.
    @inlinable
    public mutating func bytes() -> UnsafeRawBufferPointer? {
        guard place < end else { return nil }
        return switch place.load(as: UInt8.self) {
        case 0xC4: body(1)
        case 0xC5: body(2)
        case 0xC6: body(4)
        default: nil
        }
    }

    /// The bytes of a text, of which nobody has seen yet whether they are UTF-8.
    @inlinable
    public mutating func utf8() -> UnsafeRawBufferPointer? {
        guard place < end else { return nil }
        let type = place.load(as: UInt8.self)
        if type & 0xE0 == 0xA0 {
            let count = Int(type & 0x1F)
            guard end - place > count else { return nil }
            defer { place += 1 + count }
            return UnsafeRawBufferPointer(start: place + 1, count: count)
        }
        return switch type {
        case 0xD9: body(1)
        case 0xDA: body(2)
        case 0xDB: body(4)
        default: nil
        }
    }

    /// Passes over at most `most` items as long as their bytes are those of `item`, which is a
    /// whole one; returns how many they are.
    public mutating func skip(_ item: UnsafeRawBufferPointer, most: Int) -> Int {
        guard let start = item.baseAddress, !item.isEmpty, most > 0 else { return 0 }
        func isNext() -> Bool {
            end - place >= item.count && memcmp(place, start, item.count) == 0
        }
        guard isNext() else { return 0 }
        // All at once, if each byte is the one an item before it.
        let length = (most - 1) * item.count
        if end - place - item.count >= length, memcmp(place, place + item.count, length) == 0 {
            place += length + item.count
            return most
        }
        var count = 0
        while count < most, isNext() {
            place += item.count
            count += 1
        }
        return count
    }

    /// A text; nil also where it is no UTF-8.
    public mutating func text() -> String? {
        let start = place
        guard let utf8 = utf8() else { return nil }
        // What is no ASCII is seldom, and looked at by the library.
        if utf8.allSatisfy({ $0 < 0x80 }) { return String(decoding: utf8, as: UTF8.self) }
        let text = String(validating: utf8, as: UTF8.self)
        if text == nil { place = start }
        return text
    }

    /// Whether null follows, which is passed over then.
    public mutating func null() -> Bool {
        guard place < end, place.load(as: UInt8.self) == 0xC0 else { return false }
        place += 1
        return true
    }

    /// The bytes of the next item and all that is in it, whatever it is.
    ///
    /// - Throws: ``MessagePackError``; then the reader stands where it stood.
    public mutating func item(
        limits: MessagePackLimits = MessagePackLimits()
    ) throws(MessagePackError) -> UnsafeRawBufferPointer {
        let item = UnsafeRawBufferPointer(start: place, count: try limits.length(of: rest))
        place += item.count
        return item
    }

    /// The number of members of a map, whose keys and values follow by turns.
    public mutating func map() -> Int? {
        guard place < end else { return nil }
        let type = place.load(as: UInt8.self)
        if type & 0xF0 == 0x80 {
            place += 1
            return Int(type & 0x0F)
        }
        return type == 0xDE ? length(2) : type == 0xDF ? length(4) : nil
    }

    /// A truth value.
    public mutating func bool() -> Bool? {
        guard place < end else { return nil }
        let type = place.load(as: UInt8.self)
        guard type == 0xC2 || type == 0xC3 else { return nil }
        place += 1
        return type == 0xC3
    }

    /// The bytes behind a length of `width` bytes.
    @inlinable
    mutating func body(_ width: Int) -> UnsafeRawBufferPointer? {
        guard end - place > width else { return nil }
        let count = Int(bigEndian(width))
        guard end - place - 1 - width >= count else { return nil }
        defer { place += 1 + width + count }
        return UnsafeRawBufferPointer(start: place + 1 + width, count: count)
    }

    /// The length in `width` bytes, behind which its elements follow.
    @inlinable
    mutating func length(_ width: Int) -> Int? {
        guard end - place > width else { return nil }
        let count = Int(bigEndian(width))
        // Each element takes a byte at least.
        guard end - place - 1 - width >= count else { return nil }
        place += 1 + width
        return count
    }

    /// The number in the `width` bytes behind the type.
    @inlinable
    func bigEndian(_ width: Int) -> UInt64 {
        switch width {
        case 1: UInt64((place + 1).load(as: UInt8.self))
        case 2: UInt64((place + 1).loadUnaligned(as: UInt16.self).bigEndian)
        case 4: UInt64((place + 1).loadUnaligned(as: UInt32.self).bigEndian)
        default: (place + 1).loadUnaligned(as: UInt64.self).bigEndian
        }
    }
}
