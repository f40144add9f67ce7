internal import Telemetry

extension SealedFileBuilder {
    /// Where the rows are cut: at jumps of more than an hour, and at the limits of a chunk.
    static func groups(
        times: [Int64],
        texts columns: [SourceColumn],
        order: [Int]?
    ) -> [Range<Int>] {
        // Mostly all texts of a column fit one chunk, and then nobody counts those of a row.
        let texts = columns.compactMap { column -> [String]? in
            guard case .texts(let runs) = column.values else { return nil }
            return runs.byteCount > SealedLimits.textBytesPerChunk ? runs.texts : nil
        }
        // Nor looks anybody for a jump in rows of one hour.
        if texts.isEmpty, times.count <= SealedLimits.rowsPerGroup, let first = times.first,
            let last = times.last
        {
            let (length, overflow) = last.subtractingReportingOverflow(first)
            if !overflow, length <= RollupTier.hour.nanoseconds { return [times.indices] }
        }
        var groups: [Range<Int>] = []
        var start = 0
        var runs = 1
        var textBytes = [Int](repeating: 0, count: texts.count)
        for row in times.indices {
            if !texts.isEmpty { Self.count(texts, order?[row] ?? row, &textBytes) }
            guard row > start else { continue }
            let (gap, overflow) = times[row].subtractingReportingOverflow(times[row - 1])
            let isJump = overflow || gap > RollupTier.hour.nanoseconds
            let cuts = isJump && runs < SealedLimits.runsPerTimeline
            guard
                cuts || row - start >= SealedLimits.rowsPerGroup
                    || textBytes.contains(where: { $0 > SealedLimits.textBytesPerChunk })
            else { continue }
            if cuts { runs += 1 }
            groups.append(start..<row)
            start = row
            for index in textBytes.indices { textBytes[index] = 0 }
            Self.count(texts, order?[row] ?? row, &textBytes)
        }
        if start < times.count { groups.append(start..<times.count) }
        return groups
    }

    /// Adds the bytes of each text of a row.
    private static func count(_ texts: [[String]], _ row: Int, _ bytes: inout [Int]) {
        for (index, values) in texts.enumerated() { bytes[index] += values[row].utf8.count }
    }

    /// How long after its time a row was received, at least and at most.
    static func delays(
        _ rows: Range<Int>,
        _ times: [Int64],
        _ received: [Int64]
    ) -> (shortest: Int64, longest: Int64) {
        var shortest = Int64.max
        var longest = Int64.min
        for row in rows {
            let (delay, overflow) = received[row].subtractingReportingOverflow(times[row])
            let bounded = overflow ? (received[row] < times[row] ? Int64.min : .max) : delay
            shortest = min(shortest, bounded)
            longest = max(longest, bounded)
        }
        return (shortest, longest)
    }
}
