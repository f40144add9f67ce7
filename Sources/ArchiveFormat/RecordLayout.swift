internal import Synchronization
internal import Telemetry

/// Where the values stand in records of one row that are alike in all but their numbers.
///
/// Who reads an instrument once a second sends one row at a time, and mostly one differs from the
/// one before it in numbers only: what is known of one need not be looked for in the next. It is
/// never changed, since what it tells ``RecordRows`` is used as long as it lives.
public final class RecordLayout {
    private static let made = Atomic(0)

    /// The longest body that is compared, in bytes: beyond it a record is mostly numbers.
    private static let longest = 4096

    /// Tells it from all others of the process, also from those that are gone.
    let number = made.add(1, ordering: .relaxed).newValue
    /// The places of the times and of each column from the start of a body, in bytes.
    let places: UnsafeMutableBufferPointer<Int32>
    private let byteCount: Int
    /// The body in words, the last one at its end, and of each the bits that have to be the same.
    private let pattern: [UInt64], mask: [UInt64]

    deinit {
        places.deallocate()
    }

    /// How the record with this body looks; nil where it is not one row of columns without a
    /// missing value.
    init?(_ body: UnsafeRawBufferPointer, _ types: [FieldType]) {
        guard (8...Self.longest).contains(body.count), let start = body.baseAddress,
            var reader = RowReader(body), let times = reader.block(columns: types.count),
            times.count == 8, let first = times.baseAddress
        else { return nil }
        var isFixed = [UInt8](repeating: 0xFF, count: body.count)
        var found = [Int32(start.distance(to: first))]
        isFixed.release(8, at: start.distance(to: first))
        for type in types {
            if type == .string {
                guard let texts = reader.column(type, isChecked: true), texts.presence == nil,
                    let text = texts.bytes.baseAddress
                else { return nil }
                found.append(Int32(start.distance(to: text)))
                continue
            }
            let width = type == .bool ? 1 : 8
            guard let value = reader.plain(width: width) else { return nil }
            found.append(Int32(start.distance(to: value)))
            isFixed.release(width, at: start.distance(to: value))
        }
        guard reader.isDone else { return nil }
        byteCount = body.count
        pattern = Self.words(body)
        mask = isFixed.withUnsafeBytes { Self.words($0) }
        places = .allocate(capacity: found.count)
        _ = places.initialize(from: found)
    }

    private static func words(_ bytes: UnsafeRawBufferPointer) -> [UInt64] {
        (0...bytes.count / 8).map { number in
            bytes.loadUnaligned(fromByteOffset: min(8 * number, bytes.count - 8), as: UInt64.self)
        }
    }

    /// Whether a body differs from the one that was looked at in nothing but numbers.
    func fits(_ body: UnsafeRawBufferPointer) -> Bool {
        guard body.count == byteCount, let start = body.baseAddress else { return false }
        return pattern.withUnsafeBufferPointer { pattern in
            mask.withUnsafeBufferPointer { mask in
                var difference: UInt64 = 0
                let last = pattern.count - 1
                for number in 0..<last {
                    let word = start.loadUnaligned(fromByteOffset: 8 * number, as: UInt64.self)
                    difference |= (word ^ pattern[number]) & mask[number]
                }
                let word = start.loadUnaligned(fromByteOffset: byteCount - 8, as: UInt64.self)
                return difference | (word ^ pattern[last]) & mask[last] == 0
            }
        }
    }
}

/// How the records of a feed looked lately.
public struct KnownLayout {
    /// Of so many records that look otherwise one is looked at: texts may differ in each.
    private static let lookEvery = 8

    var layout: RecordLayout?
    private var others = 0

    /// Nothing is known.
    public init() {}

    /// Counts a record that looks otherwise; whether it is worth a look at how.
    var isWorthALook: Bool {
        mutating get {
            defer { others += 1 }
            return others % Self.lookEvery == 0
        }
    }
}

extension [UInt8] {
    /// Lets some bytes be any.
    fileprivate mutating func release(_ count: Int, at place: Int) {
        for byte in place..<(place + count) { self[byte] = 0 }
    }
}
