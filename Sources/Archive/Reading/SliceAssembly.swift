internal import ArchiveFormat
internal import Telemetry

/// Where the rows of pieces stand in an answer, and how its columns are filled.
struct SliceAssembly: Sendable {
    /// The rows of one piece that the answer has, and where each run of them begins there.
    private struct Part {
        let piece: SlicePiece
        var runs: [(rows: Range<Int>, start: Int)] = []

        /// Where all that is encoded stands, if it stands together.
        func whole(of encoded: EncodedColumn) -> Range<Int>? {
            guard runs.count == 1, runs[0].rows == 0..<encoded.rows else { return nil }
            return runs[0].start..<(runs[0].start + encoded.rows)
        }

        /// Whether the first and the last time of the piece are those by which it was placed.
        func keepsItsPromise(_ times: [Timestamp]) -> Bool {
            runs.allSatisfy { rows, start in
                let (first, last) = (times[start], times[start + rows.count - 1])
                return (rows.lowerBound > piece.rows.lowerBound || first.nanoseconds == piece.first)
                    && (rows.upperBound < piece.rows.upperBound || last.nanoseconds == piece.last)
            }
        }
    }

    /// How many rows the answer has.
    let count: Int
    private let parts: [Part]

    /// The first `limit` rows of all pieces.
    init(_ pieces: [SlicePiece], limit: Int) {
        var parts = pieces.map { Part(piece: $0) }
        var count = 0
        for run in SlicePiece.runs(of: pieces, limit: max(0, limit)) {
            parts[run.piece].runs.append((run.rows, count))
            count += run.rows.count
        }
        self.count = count
        self.parts = parts.filter { !$0.runs.isEmpty }
    }

    /// The times; nil if encoded ones are others than their piece promised, or cannot be read.
    func timestamps() throws(ArchiveError) -> [Timestamp]? {
        let filled = try fill(
            filler: Timestamp(nanoseconds: 0),
            // A timestamp is the number of its nanoseconds.
            { .ints(UnsafeMutableRawBufferPointer($0).bindMemory(to: Int64.self)) },
            { $0.integers.map(Timestamp.init(nanoseconds:)) }
        ) { part in
            part.piece.encodedTimes.map(SlicePiece.Values.Content.encoded)
                ?? .column(.ints(part.piece.times))
        }
        guard filled.presence == nil, parts.allSatisfy({ $0.keepsItsPromise(filled.elements) })
        else { return nil }
        return filled.elements
    }

    /// The values of one field; missing where its declaration is none that stands with `field`.
    func column(_ index: Int, _ field: Field?) throws(ArchiveError) -> Column {
        func content(_ part: Part) -> SlicePiece.Values.Content? {
            guard let values = part.piece.columns[index], values.stands(with: field) else {
                return nil
            }
            return values.content
        }
        switch field?.type ?? .double {
        case .double:
            let filled = try fill(filler: 0, ColumnSpace.doubles, \.numbers, content)
            return Column(.doubles(filled.elements), presence: filled.presence)
        case .int:
            let filled = try fill(filler: 0, ColumnSpace.ints, \.integers, content)
            return Column(.ints(filled.elements), presence: filled.presence)
        case .bool:
            let filled = try fill(filler: false, ColumnSpace.bools, \.flags, content)
            return Column(.bools(filled.elements), presence: filled.presence)
        case .string:
            let filled = try fill(filler: "", ColumnSpace.strings, \.texts, content)
            return Column(.strings(filled.elements), presence: filled.presence)
        }
    }

    /// A column of all rows; `content` gives the values of each part, nil where they are missing.
    ///
    /// `space` is where encoded values go that stand together; `elements` are those of a column
    /// from which only some rows are taken, or which is of another type.
    private func fill<Element>(
        filler: Element,
        _ space: (UnsafeMutableBufferPointer<Element>) -> ColumnSpace,
        _ elements: (Column) -> [Element],
        _ content: (Part) -> SlicePiece.Values.Content?
    ) throws(ArchiveError) -> (elements: [Element], presence: [Bool]?) {
        var presence: [Bool]?
        var failure: ArchiveError?
        let filled = [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
            var filling = Filling(buffer, count: count, filler: filler)
            for part in parts {
                do throws(ArchiveError) {
                    try filling.put(content(part), part, space, elements)
                } catch {
                    // All of it is initialized, whatever comes of it.
                    filling.putMissing(part)
                    failure = error
                }
            }
            presence = filling.presence
            initialized = count
        }
        if let failure { throw failure }
        return (filled, presence)
    }

    /// A column of which each part is filled once.
    private struct Filling<Element> {
        private let values: UnsafeMutableBufferPointer<Element>
        private let filler: Element
        /// Which values are there; nil while all are.
        private(set) var presence: [Bool]?

        init(_ buffer: UnsafeMutableBufferPointer<Element>, count: Int, filler: Element) {
            values = UnsafeMutableBufferPointer(rebasing: buffer[..<count])
            self.filler = filler
        }

        /// Puts values into their places, or nothing where it throws.
        mutating func put(
            _ content: SlicePiece.Values.Content?,
            _ part: Part,
            _ space: (UnsafeMutableBufferPointer<Element>) -> ColumnSpace,
            _ elements: (Column) -> [Element]
        ) throws(ArchiveError) {
            let column: Column?
            switch content {
            case .encoded(let encoded):
                if let place = part.whole(of: encoded) {
                    let space = space(UnsafeMutableBufferPointer(rebasing: values[place]))
                    if space.type == encoded.type {
                        switch try encoded.read(into: space) {
                        case .read(let flags): flags.map { mark($0[...], from: place.lowerBound) }
                        case .lost: putMissing(part)
                        }
                        return
                    }
                }
                column = try encoded.column()
            case .column(let known): column = known
            case nil: column = nil
            }
            guard let column else { return putMissing(part) }
            let elements = elements(column)
            for (rows, start) in part.runs {
                _ = values[start..<(start + rows.count)]
                    .initialize(fromContentsOf: elements[rows])
                column.presence.map { mark($0[rows], from: start) }
            }
        }

        /// Leaves the rows of a part without values.
        mutating func putMissing(_ part: Part) {
            for (rows, start) in part.runs {
                values[start..<(start + rows.count)].initialize(repeating: filler)
                mark([Bool](repeating: false, count: rows.count)[...], from: start)
            }
        }

        private mutating func mark(_ flags: ArraySlice<Bool>, from start: Int) {
            var all = presence ?? Array(repeating: true, count: values.count)
            presence = nil
            all.replaceSubrange(start..<(start + flags.count), with: flags)
            presence = all
        }
    }
}

extension Column {
    /// The values of a column of numbers as doubles; none of others.
    fileprivate var numbers: [Double] {
        switch values {
        case .doubles(let values): values
        case .ints(let values): values.map(Double.init)
        case .bools, .strings: []
        }
    }

    fileprivate var flags: [Bool] { if case .bools(let values) = values { values } else { [] } }

    fileprivate var texts: [String] { if case .strings(let values) = values { values } else { [] } }
}
