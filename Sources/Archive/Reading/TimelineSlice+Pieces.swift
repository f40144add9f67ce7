internal import ArchiveFormat
internal import Telemetry

extension TimelineSlice {
    /// All pieces, which stand in order of arrival, as one timeline of `fields` fields.
    ///
    /// What is encoded is read straight into its place. Where that is, the first and last time of
    /// each piece tell; only of those that overlap all times have to be known before.
    init(
        _ pieces: [SlicePiece],
        fields: Int,
        limit: Int,
        revision: Int64
    ) throws(ArchiveError) {
        if let slice = try TimelineSlice(
            placing: try Self.placeable(pieces, fields),
            fields,
            limit,
            revision
        ) {
            self = slice
            return
        }
        // Times are not what their piece promised: so none is believed before it is read.
        let read = try pieces.map { (piece) throws(ArchiveError) -> SlicePiece? in
            try piece.read()
        }
        guard
            let slice = try TimelineSlice(placing: read.compactMap(\.self), fields, limit, revision)
        else {
            preconditionFailure("times that are read are in their places")
        }
        self = slice
    }

    /// The pieces, with the times of those read that cannot be placed by their ends alone, or of
    /// which values are kept apart.
    private static func placeable(
        _ pieces: [SlicePiece],
        _ fields: Int
    ) throws(ArchiveError) -> [SlicePiece] {
        let inForce = Self.inForce(pieces, fields)
        let overlapping = SlicePiece.overlapping(pieces)
        let unplaced = pieces.indices.filter { number in
            overlapping.contains(number)
                || zip(pieces[number].columns, inForce).contains { values, field in
                    values.map { !$0.stands(with: field) } ?? false
                }
        }
        guard !unplaced.isEmpty else { return pieces }
        let count = unplaced.reduce(0) { $0 + pieces[$1].rows.count }
        let read = try Cores.map(unplaced.count, values: count) {
            (index) throws(ArchiveError) -> SlicePiece? in
            try pieces[unplaced[index]].read()
        }
        var placeable: [SlicePiece?] = pieces
        for (number, piece) in zip(unplaced, read) { placeable[number] = piece }
        return placeable.compactMap(\.self)
    }

    /// The newest declaration of each field.
    private static func inForce(_ pieces: [SlicePiece], _ fields: Int) -> [Field?] {
        (0..<fields).map { index in
            Field(inForceOf: pieces.compactMap { $0.columns[index]?.field })
        }
    }

    /// Nil if encoded times are other ones than their piece promised, or cannot be read.
    private init?(
        placing pieces: [SlicePiece],
        _ fields: Int,
        _ limit: Int,
        _ revision: Int64
    ) throws(ArchiveError) {
        let assembly = SliceAssembly(pieces, limit: limit)
        let inForce = Self.inForce(pieces, fields)
        let parts = try Cores.map(1 + fields, values: assembly.count * (1 + fields)) {
            (part) throws(ArchiveError) -> (times: [Timestamp]?, column: Column?) in
            guard part > 0 else { return (try assembly.timestamps(), nil) }
            return (nil, try assembly.column(part - 1, inForce[part - 1]))
        }
        guard let timestamps = parts[0].times else { return nil }
        self.init(
            timestamps: timestamps,
            columns: parts.compactMap(\.column),
            fields: inForce,
            leftOut: pieces.reduce(0) { $0 + $1.rows.count } - assembly.count,
            revision: revision
        )
        for (index, field) in inForce.enumerated() {
            for piece in pieces {
                guard let values = piece.columns[index], !values.stands(with: field) else {
                    continue
                }
                try keepApart(values, piece)
            }
        }
    }

    /// Counts values among those that the columns do not have.
    private mutating func keepApart(
        _ values: SlicePiece.Values,
        _ piece: SlicePiece
    ) throws(ArchiveError) {
        guard let column = try values.column() else { return }
        let present = piece.rows.filter { column.isPresent($0) }
        guard let first = present.first, let last = present.last else { return }
        let start = Timestamp(nanoseconds: piece.time(of: first))
        let end = Timestamp(nanoseconds: piece.time(of: last))
        guard let index = apart.firstIndex(where: { $0.field == values.field }) else {
            apart.append(
                KeptApart(field: values.field, first: start, last: end, count: present.count)
            )
            return
        }
        apart[index].first = min(apart[index].first, start)
        apart[index].last = max(apart[index].last, end)
        apart[index].count += present.count
    }
}

extension SlicePiece.Values {
    /// Whether they are in one column with those of the declaration in force.
    func stands(with field: Field?) -> Bool { field.map(self.field.stands) ?? false }
}
