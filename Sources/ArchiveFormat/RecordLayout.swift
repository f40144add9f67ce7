internal import CPacking
internal import Synchronization
internal import Telemetry

/// What a record is compared with; valid as long as the ``KnownLayout`` that has it.
public struct RecordForm: BitwiseCopyable {
    /// Tells it from all others of the process, also from those that are gone.
    let number: Int
    /// The places of the times and of each column from the start of a body, in bytes.
    let places: UnsafePointer<Int32>
    fileprivate let byteCount: Int
    /// The body in words, the last one at its end, and of each the bits that have to be the
    /// same.
    fileprivate let pattern: UnsafePointer<UInt64>, mask: UnsafePointer<UInt64>

    /// Whether a body differs from the one that was looked at in nothing but numbers.
    @inline(__always)
    func fits(_ body: UnsafeRawBufferPointer) -> Bool {
        body.count == byteCount
            && cerro_fits(body.baseAddress, byteCount, pattern, mask) != 0
    }
}

/// Where the values stand in records of one row that are alike in all but their numbers.
///
/// Who reads an instrument once a second sends one row at a time, and mostly one differs from the
/// one before it in numbers only: what is known of one need not be looked for in the next. It is
/// never changed, since what it tells ``RecordRows`` is used as long as it lives.
final class RecordLayout {
    private static let made = Atomic(0)

    /// The longest body that is compared, in bytes: beyond it a record is mostly numbers.
    private static let longest = 4096

    let form: RecordForm
    private let memory: UnsafeMutableRawBufferPointer

    deinit {
        memory.deallocate()
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
        let words = Self.words(body) + isFixed.withUnsafeBytes { Self.words($0) }
        memory = .allocate(byteCount: words.count * 8 + found.count * 4, alignment: 8)
        let both = UnsafeMutableRawBufferPointer(rebasing: memory[..<(words.count * 8)])
            .initializeMemory(as: UInt64.self, fromContentsOf: words)
        let places = UnsafeMutableRawBufferPointer(rebasing: memory[(words.count * 8)...])
            .initializeMemory(as: Int32.self, fromContentsOf: found)
        guard let pattern = both.baseAddress, let place = places.baseAddress else { return nil }
        form = RecordForm(
            number: Self.made.add(1, ordering: .relaxed).newValue,
            places: UnsafePointer(place),
            byteCount: body.count,
            pattern: UnsafePointer(pattern),
            mask: UnsafePointer(pattern + words.count / 2)
        )
    }

    private static func words(_ bytes: UnsafeRawBufferPointer) -> [UInt64] {
        (0...bytes.count / 8).map { number in
            bytes.loadUnaligned(fromByteOffset: min(8 * number, bytes.count - 8), as: UInt64.self)
        }
    }
}

/// How the records of a feed looked lately.
public struct KnownLayout {
    /// Of so many records that look otherwise one is looked at: texts may differ in each.
    private static let lookEvery = 8

    /// What ``form`` stands in.
    private var layout: RecordLayout?
    private var others = 0
    /// How the records look that are alike; nil where that is not known.
    public private(set) var form: RecordForm?

    /// Nothing is known.
    public init() {}

    /// Takes note of a record of one row that looks otherwise.
    mutating func note(_ body: UnsafeRawBufferPointer, _ types: [FieldType]) {
        defer { others += 1 }
        guard others % Self.lookEvery == 0 else { return }
        layout = RecordLayout(body, types)
        form = layout?.form
    }
}

extension [UInt8] {
    /// Lets some bytes be any.
    fileprivate mutating func release(_ count: Int, at place: Int) {
        for byte in place..<(place + count) { self[byte] = 0 }
    }
}
