internal import ArchiveFormat
internal import G3Format
internal import Log
public import Telemetry

extension G3Store {
    /// The samples of some fields of a timeline in `range`, from all files of the tree.
    ///
    /// `fields` are names within the feed, in the order of the columns of the answer; rows are
    /// those of the blocks that have any of them. `limit` is the most rows: the earliest are given,
    /// and the others counted.
    public func timeline(
        instance: String,
        feed: String,
        fields: [String],
        range: Range<Timestamp>,
        limit: Int = .max
    ) throws(ArchiveError) -> TimelineSlice {
        let parts = try index.parts(of: (instance, feed), in: range).filter { part in
            part.feed.fields.contains { fields.contains($0.name) }
        }
        var pieces: [SlicePiece] = []
        var rows = 0
        var newest = Int64.min
        var leftOut = 0
        for part in parts {
            // Parts come in order of their first times: behind the limit they are only counted.
            guard rows <= limit || part.first <= newest else {
                leftOut += part.rows
                continue
            }
            for piece in try self.pieces(of: part, fields, range) {
                rows += piece.rows.count
                newest = max(newest, piece.last)
                pieces.append(piece)
            }
        }
        var slice = try TimelineSlice(pieces, fields: fields.count, limit: limit, revision: 0)
        slice.leftOut += leftOut
        return slice
    }

    /// How many rows of each timeline lie between one of `edges` and the next; see
    /// ``ArchiveStore/rowCounts(between:of:)``.
    public func rowCounts(
        between edges: [Timestamp],
        of isWanted: (String) -> Bool
    ) throws(ArchiveError) -> [RowCounts] {
        guard let first = edges.first, let last = edges.last, first < last else { return [] }
        let grid = CountingGrid(edges)
        var counts: [String: RowCounts] = [:]
        for part in try index.parts(of: nil, in: first..<last)
        where isWanted("\(part.instance).\(part.feed.name)") {
            let name = "\(part.instance).\(part.feed.name)"
            var rows = counts[name]?.rows ?? grid.none
            for place in part.places {
                let ends = (Timestamp(nanoseconds: place.first), Timestamp(nanoseconds: place.last))
                if let cell = grid.place(of: ends.0, ends.1) {
                    rows[cell] += Int64(place.rows)
                } else if ends.0 < last, ends.1 >= first, let block = try block(place, part) {
                    rows = zip(rows, grid.counts(of: block.nanoseconds)).map(+)
                }
            }
            guard rows.contains(where: { $0 > 0 }) else { continue }
            counts[name] = RowCounts(instance: part.instance, feed: part.feed, rows: rows)
        }
        return counts.values.sorted { $0.timeline < $1.timeline }
    }

    private func pieces(
        of part: G3IndexedPart,
        _ fields: [String],
        _ range: Range<Timestamp>
    ) throws(ArchiveError) -> [SlicePiece] {
        let bounds = range.lowerBound.nanoseconds..<range.upperBound.nanoseconds
        var pieces: [SlicePiece] = []
        var file: (any SegmentFile)?
        for place in part.places
        where place.first < bounds.upperBound
            && place.last >= bounds.lowerBound
        {
            guard let block = try block(place, part, &file) else { continue }
            let columns = G3Columns(block)
            let times = block.nanoseconds
            let order = stableOrder(times)
            let piece = SlicePiece(
                part.feed,
                times: order.map { $0.map { times[$0] } } ?? times,
                range: range,
                columns: fields.map { name in
                    columns.fields.firstIndex { $0.name == name }.map { index in
                        let column = columns.column(index)
                        return SlicePiece.Values(
                            field: columns.fields[index],
                            column: order.map { column.rows($0) } ?? column
                        )
                    }
                }
            )
            guard let piece else { continue }
            pieces.append(piece)
        }
        return pieces
    }

    private func block(
        _ place: G3Place,
        _ part: G3IndexedPart
    ) throws(ArchiveError) -> HousekeepingData.Block? {
        var file: (any SegmentFile)?
        return try block(place, part, &file)
    }

    /// The block at a place; nil, and the file forgotten, where the file is another one by now.
    private func block(
        _ place: G3Place,
        _ part: G3IndexedPart,
        _ file: inout (any SegmentFile)?
    ) throws(ArchiveError) -> HousekeepingData.Block? {
        do {
            let open = try file ?? disk.open("\(root)/\(part.path)", .read)
            file = open
            if let block = try Self.block(place, in: open), block.count == place.rows,
                let ends = block.ends, ends == (place.first, place.last)
            {
                return block
            }
        } catch DiskError.missing {
            // Moved or deleted meanwhile: the next look finds out.
        } catch let error as DiskError {
            throw .disk(error)
        } catch {
            throw .journal("\(root)/\(part.path): \(error)")
        }
        try doubt(part.path)
        return nil
    }

    private static func block(
        _ place: G3Place,
        in file: any SegmentFile
    ) throws -> HousekeepingData.Block? {
        guard place.offset >= 0, (1...G3Limits.frame).contains(place.length) else { return nil }
        var reader = G3FrameReader(size: place.offset + place.length, from: place.offset) {
            try file.read(into: $0, at: $1)
        }
        guard case .frame(let frame)? = try reader.next(),
            case .data(let data)? = try? HousekeepingFrame(frame),
            data.blocks.indices.contains(place.block)
        else { return nil }
        return data.blocks[place.block]
    }
}
