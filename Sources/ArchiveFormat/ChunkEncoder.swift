internal import Telemetry

/// Makes chunks out of columns, one after the other, in buffers that are used again.
///
/// After ``encode(_:rows:)`` it knows the column's ``integers``, and so what they amount to.
final class ChunkEncoder {
    /// zstd is tried on packed columns that take no more bits a value: it seldom gains on others.
    static let bitsWorthTrying = 3
    /// Doubles that are tried with zstd where they have no exact integers.
    static let triedRows = 512

    /// The integers of the last column, and how its numbers came from them; nil where a row has
    /// none.
    private(set) var integers: ScaledIntegers?
    /// How the doubles of the last column became integers; nil where it was another type.
    private(set) var scaling: ExactScaling?
    private let packed = ByteBuffer(), squeezed = ByteBuffer(), plain = ByteBuffer()
    private var result: ByteBuffer
    private let scratch = ByteBuffer()
    private let compressor = Zstandard.Compressor()

    init() {
        result = packed
    }

    /// The chunk that was made last; valid until the next one.
    var bytes: UnsafeRawBufferPointer { result.bytes }

    /// Makes a chunk of some rows of a column.
    func encode(
        _ column: SourceColumn,
        rows: Range<Int>
    ) -> (encoding: ChunkEncoding, plainByteCount: Int) {
        packed.removeAll()
        if pack(column, rows), !prefersPlain(column, rows) {
            let isText = column.type == .string
            if isText || packed.count * 8 <= rows.count * Self.bitsWorthTrying, squeeze(packed) {
                return (.packedZstd, packed.count)
            }
            result = packed
            return (.packed, packed.count)
        }
        putPlain(column, rows)
        if squeeze(plain) { return (.zstd, plain.count) }
        result = plain
        return (.plain, plain.count)
    }

    /// Makes a chunk of doubles of which the integers are known.
    func encode(
        _ values: UnsafeBufferPointer<Int64>,
        _ scaling: ExactScaling
    ) -> (encoding: ChunkEncoding, plainByteCount: Int) {
        packed.removeAll()
        begin(scaling)
        packed.append(UInt32(0))
        PackedIntegers.append(values, to: packed)
        result = packed
        return (.packed, packed.count)
    }

    /// Compresses into ``result`` if that makes less of it.
    private func squeeze(_ bytes: ByteBuffer) -> Bool {
        squeezed.removeAll()
        guard compressor.compress(bytes.bytes, to: squeezed), squeezed.count < bytes.count else {
            return false
        }
        result = squeezed
        return true
    }

    /// Whether zstd makes less of the plain doubles, as of few that come again and again.
    private func prefersPlain(_ column: SourceColumn, _ rows: Range<Int>) -> Bool {
        guard case .doubles(let values) = column.values, packed.count > rows.count * 4 else {
            return false
        }
        let some = rows.prefix(Self.triedRows)
        // Of values that differ zstd leaves seven bytes of eight: it need not be asked.
        guard packed.count > rows.count * 7 || Self.comeAgain(values[some]) else { return false }
        putPlain(column, some.startIndex..<some.endIndex)
        squeezed.removeAll()
        guard compressor.compress(plain.bytes, to: squeezed) else { return false }
        return squeezed.count * rows.count < packed.count * some.count
    }

    /// Whether a quarter of some values, or more, has been there before them.
    ///
    /// By a bit for the hash of each, of which there are eight times as many as values: few that
    /// differ share one.
    private static func comeAgain(_ values: ArraySlice<Double>) -> Bool {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: triedRows / 8) { seen in
            seen.initialize(repeating: 0)
            var again = 0
            for value in values {
                let hash = (value.bitPattern &* 0x9E37_79B9_7F4A_7C15) >> 48
                let place = Int(hash % UInt64(triedRows * 8))
                let bit: UInt64 = 1 &<< UInt64(place % 64)
                if seen[place / 64] & bit != 0 { again += 1 }
                seen[place / 64] |= bit
            }
            return again * 4 >= values.count
        }
    }

    private func integerScratch(_ count: Int) -> UnsafeMutableBufferPointer<Int64> {
        scratch.removeAll()
        let place = scratch.place(for: count * 8).bindMemory(to: Int64.self, capacity: count)
        return UnsafeMutableBufferPointer(start: place, count: count)
    }
}

// Plain columns, and the packed ones of `FileFormat.md`.
extension ChunkEncoder {
    private func putPlain(_ column: SourceColumn, _ rows: Range<Int>) {
        plain.removeAll()
        let isWhole = column.presence.map { $0[rows].allSatisfy(\.self) } ?? true
        Self.putMap(isWhole ? nil : column.presence, rows, to: plain)
        switch column.values {
        case .doubles(let values): values[rows].withUnsafeBytes { plain.append($0) }
        case .ints(let values): values[rows].withUnsafeBytes { plain.append($0) }
        case .bools(let values): for value in values[rows] { plain.append(byte: value ? 1 : 0) }
        case .texts(let runs): Self.putTexts(runs, rows, to: plain)
        }
    }

    /// 0, or 1 and a bit for each row.
    private static func putMap(_ presence: [Bool]?, _ rows: Range<Int>, to out: ByteBuffer) {
        out.append(byte: presence == nil ? 0 : 1)
        guard let presence else { return }
        for first in stride(from: rows.lowerBound, to: rows.upperBound, by: 8) {
            var bits: UInt8 = 0
            for row in first..<min(first + 8, rows.upperBound) where presence[row] {
                bits |= 1 << UInt8(row - first)
            }
            out.append(byte: bits)
        }
    }

    /// N + 1 offsets and the bytes of N texts.
    private static func putTexts(_ runs: TextRuns, _ rows: Range<Int>, to out: ByteBuffer) {
        var end: UInt32 = 0
        out.append(end)
        runs.forEachRun(in: rows) { text, rows in
            for _ in rows {
                end += UInt32(text.utf8.count)
                out.append(end)
            }
        }
        runs.forEachRun(in: rows) { text, rows in
            var text = text
            text.withUTF8 { bytes in
                for _ in rows { out.append(UnsafeRawBufferPointer(bytes)) }
            }
        }
    }

    /// Makes the packed form; false where the plain one is better from the start.
    private func pack(_ column: SourceColumn, _ rows: Range<Int>) -> Bool {
        integers = nil
        scaling = nil
        let presence = column.presence.flatMap { $0[rows].allSatisfy(\.self) ? nil : $0 }
        switch column.values {
        case .doubles(let values):
            let map = presence.map { (presence: $0, rows: rows) }
            Self.with(values, rows, presence) { pack($0, map) }
        case .ints(let values):
            packed.append(byte: PackedColumn.Form.integers.rawValue)
            Self.putMap(presence, rows, to: packed)
            Self.with(values, rows, presence) { PackedIntegers.append($0, to: packed) }
            if presence == nil {
                let integers = integerScratch(rows.count)
                _ = integers.update(fromContentsOf: values[rows])
                self.integers = ScaledIntegers(.integers, UnsafeBufferPointer(integers))
            }
        case .bools(let values):
            packed.append(byte: PackedColumn.Form.integers.rawValue)
            Self.putMap(presence, rows, to: packed)
            let integers = integerScratch(rows.count)
            var there = UnsafeBufferPointer(integers)
            Self.with(values, rows, presence) { bools in
                for place in bools.indices { integers[place] = bools[place] ? 1 : 0 }
                there = UnsafeBufferPointer(rebasing: integers[..<bools.count])
            }
            PackedIntegers.append(there, to: packed)
            if presence == nil { self.integers = ScaledIntegers(.integers, there) }
        case .texts(let runs): return packTexts(runs, presence, rows)
        }
        return true
    }

    /// Calls `body` with the values that are there.
    private static func with<Element>(
        _ values: [Element],
        _ rows: Range<Int>,
        _ presence: [Bool]?,
        _ body: (UnsafeBufferPointer<Element>) -> Void
    ) {
        if let presence {
            rows.filter { presence[$0] }.map { values[$0] }.withUnsafeBufferPointer(body)
        } else {
            values[rows].withUnsafeBufferPointer(body)
        }
    }

    private func pack(
        _ values: UnsafeBufferPointer<Double>,
        _ map: (presence: [Bool], rows: Range<Int>)?
    ) {
        let integers = integerScratch(values.count)
        var scaling = ExactScaling.find(values)
        var exceptions = scaling.encode(values, into: integers)
        if exceptions == nil {
            scaling = .bits
            exceptions = scaling.encode(values, into: integers)
        }
        begin(scaling, map)
        packed.append(UInt32(exceptions?.count ?? 0))
        for row in exceptions ?? [] { packed.append(UInt32(row)) }
        for row in exceptions ?? [] { packed.append(values[row].bitPattern) }
        PackedIntegers.append(UnsafeBufferPointer(integers), to: packed)
        if map == nil, exceptions?.isEmpty ?? false, scaling != .bits {
            self.integers = ScaledIntegers(scaling, UnsafeBufferPointer(integers))
        }
        self.scaling = scaling
    }

    /// The form of doubles, the map, and the exponent.
    private func begin(
        _ scaling: ExactScaling,
        _ map: (presence: [Bool], rows: Range<Int>)? = nil
    ) {
        let (form, exponent): (PackedColumn.Form, Int?) =
            switch scaling {
            case .decimal(let exponent): (.decimal, exponent)
            case .binary(let exponent): (.binary, exponent)
            case .bits: (.bits, nil)
            }
        packed.append(byte: form.rawValue)
        Self.putMap(map?.presence, map?.rows ?? 0..<0, to: packed)
        if let exponent { packed.append(byte: UInt8(exponent)) }
    }

    /// False where there are more different texts than a dictionary is for.
    private func packTexts(_ runs: TextRuns, _ presence: [Bool]?, _ rows: Range<Int>) -> Bool {
        var numbers: [String: Int64] = [:]
        var texts = TextRuns()
        let integers = integerScratch(rows.count)
        let most = max((presence.map { $0[rows].count { $0 } } ?? rows.count) / 2, 1)
        var count = 0
        runs.forEachRun(in: rows) { text, rows in
            let own = presence.map { $0[rows].count { $0 } } ?? rows.count
            guard own > 0, texts.count <= most else { return }
            let number = numbers[text] ?? Int64(texts.count)
            if number == texts.count {
                numbers[text] = number
                texts.begin(text, at: texts.count)
                texts.extend(to: texts.count + 1)
            }
            integers[count..<(count + own)].update(repeating: number)
            count += own
        }
        guard texts.count <= most else { return false }
        packed.append(byte: PackedColumn.Form.texts.rawValue)
        Self.putMap(presence, rows, to: packed)
        packed.append(UInt32(texts.count))
        Self.putTexts(texts, 0..<texts.count, to: packed)
        PackedIntegers.append(UnsafeBufferPointer(rebasing: integers[..<count]), to: packed)
        return true
    }
}
