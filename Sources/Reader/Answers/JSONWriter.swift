public import Telemetry

/// How the times of a text answer are written.
public enum TimeForm: String, Sendable, CaseIterable {
    /// Unix time in seconds as a number, with as many digits as the nanoseconds need.
    case s
    /// Unix time in nanoseconds as a text, since JSON's readers keep only 53 bits of a number.
    case ns
    /// ISO 8601 in UTC as a text.
    case iso
}

/// Writes JSON (and the parts that CSV shares with it) as UTF-8.
public struct JSONWriter: Sendable {
    /// What was written so far.
    public private(set) var bytes: [UInt8] = []

    /// A writer that has written nothing.
    public init() {}

    /// Appends text as it stands.
    mutating func raw(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    /// Appends bytes as they stand.
    mutating func raw(_ bytes: [UInt8]) { self.bytes += bytes }

    /// Appends one byte as it stands.
    mutating func raw(_ byte: UInt8) { bytes.append(byte) }

    /// Appends a text as it stands.
    mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// Writes a text in quotes.
    public mutating func write(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): raw(#"\""#)
            case UInt8(ascii: "\\"): raw(#"\\"#)
            case 0x0A: raw(#"\n"#)
            case 0x00..<0x20:
                raw(#"\u00"#)
                let digits: StaticString = "0123456789abcdef"
                bytes.append(digits.utf8Start[Int(byte >> 4)])
                bytes.append(digits.utf8Start[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Writes an integer.
    public mutating func write(_ value: Int64) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        digits(value.magnitude, atLeast: 1)
    }

    /// Writes a truth value.
    public mutating func write(_ value: Bool) { value ? raw("true") : raw("false") }

    /// Writes a number so that reading it gives the same double, or null if it is not finite.
    ///
    /// Few digits are the rule, and found by division: a quotient of two exact integers is the
    /// double that its decimal digits read as. The rest takes the standard library's way.
    public mutating func write(_ value: Double) {
        guard value.isFinite else { return raw("null") }
        if value.magnitude < 1e9, value != 0 || value.sign == .plus {
            var scale = 1.0
            for places in 0...6 {
                let scaled = (value * scale).rounded()
                if scaled / scale == value { return fixed(scaled, places: places) }
                scale *= 10
            }
        }
        raw(value.description)
    }

    /// Writes `scaled` / 10^`places`, with at least one place.
    private mutating func fixed(_ scaled: Double, places: Int) {
        if scaled < 0 { bytes.append(UInt8(ascii: "-")) }
        let whole = UInt64(scaled.magnitude)
        guard places > 0 else {
            digits(whole, atLeast: 1)
            return raw(".0")
        }
        var power: UInt64 = 1
        for _ in 0..<places { power *= 10 }
        digits(whole / power, atLeast: 1)
        bytes.append(UInt8(ascii: "."))
        digits(whole % power, atLeast: places)
    }

    /// Writes an instant.
    public mutating func write(_ instant: Timestamp, _ form: TimeForm) {
        switch form {
        case .s: seconds(instant.nanoseconds)
        case .ns:
            bytes.append(UInt8(ascii: "\""))
            write(instant.nanoseconds)
            bytes.append(UInt8(ascii: "\""))
        case .iso: write(instant.description)
        }
    }

    /// Writes nanoseconds as seconds with the digits that they need, never through a double.
    mutating func seconds(_ nanoseconds: Int64) {
        if nanoseconds < 0 { bytes.append(UInt8(ascii: "-")) }
        let (whole, fraction) = nanoseconds.magnitude.quotientAndRemainder(
            dividingBy: 1_000_000_000
        )
        digits(whole, atLeast: 1)
        guard fraction > 0 else { return }
        bytes.append(UInt8(ascii: "."))
        digits(fraction, atLeast: 9)
        while bytes.last == UInt8(ascii: "0") { bytes.removeLast() }
    }

    /// Writes a value of any shape; maps in the order of their keys, bytes as a list of integers.
    public mutating func write(_ value: Value) {
        switch value {
        case .null: raw("null")
        case .bool(let value): write(value)
        case .int(let value): write(value)
        case .double(let value): write(value)
        case .string(let text): write(text)
        case .bytes(let bytes): list(bytes) { writer, byte in writer.write(Int64(byte)) }
        case .array(let elements): list(elements) { writer, element in writer.write(element) }
        case .map(let members):
            object(members.sorted { $0.key < $1.key }) { writer, member in
                writer.key(member.key)
                writer.write(member.value)
            }
        }
    }

    /// Writes `[…]` of what `write` makes of each element.
    mutating func list<Element>(
        _ elements: some Sequence<Element>,
        _ write: (inout JSONWriter, Element) -> Void
    ) {
        raw(UInt8(ascii: "["))
        separated(elements, write)
        raw(UInt8(ascii: "]"))
    }

    /// Writes `{…}`, whose members `write` writes one by one.
    mutating func object<Element>(
        _ elements: some Sequence<Element>,
        _ write: (inout JSONWriter, Element) -> Void
    ) {
        raw(UInt8(ascii: "{"))
        separated(elements, write)
        raw(UInt8(ascii: "}"))
    }

    /// Writes the elements with commas between them.
    mutating func separated<Element>(
        _ elements: some Sequence<Element>,
        _ write: (inout JSONWriter, Element) -> Void
    ) {
        var isFirst = true
        for element in elements {
            if !isFirst { raw(UInt8(ascii: ",")) }
            isFirst = false
            write(&self, element)
        }
    }

    /// Writes the name of a member.
    mutating func key(_ name: String) {
        write(name)
        raw(UInt8(ascii: ":"))
    }

    private mutating func digits(_ value: UInt64, atLeast least: Int) {
        var rest = value
        var count = 0
        let start = bytes.count
        while rest > 0 || count < least {
            bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
            count += 1
        }
        bytes[start...].reverse()
    }
}
