internal import ArchiveFormat

/// The statistics of some neighbouring fields of a run, as the index holds them.
///
/// A plot of one field reads the parts that it is in and no others, however wide its feed is.
/// The numbers are eight bytes each, lowest byte first: of each field the count, the NaNs, the
/// least, the most and the sum.
enum StatisticsPart {
    /// Fields of a part: the part stays within a page of SQLite.
    static let fields = 16
    private static let bytesPerField = 40

    /// The parts of a feed of so many fields.
    static func count(fields count: Int) -> Int { (count + fields - 1) / fields }

    /// One part of a run that consists of `groups`, at least one.
    static func bytes(of groups: [SealedGroup], part: Int) -> [UInt8] {
        let all = groups[0].columns.indices
        var bytes: [UInt8] = []
        bytes.reserveCapacity(fields * bytesPerField)
        for field in all.clamped(to: part * fields..<(part + 1) * fields) {
            var sum = Statistics()
            for group in groups { sum.add(group.columns[field].statistics) }
            for word in [
                UInt64(bitPattern: sum.count), UInt64(bitPattern: sum.notNumbers),
                sum.min.bitPattern, sum.max.bitPattern, sum.sum.bitPattern,
            ] {
                withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
            }
        }
        return bytes
    }

    /// The statistics of a field of the feed in the part that has it; nil if it is not there.
    static func statistics(of field: Int, in part: UnsafeRawBufferPointer) -> Statistics? {
        let start = field % fields * bytesPerField
        guard start + bytesPerField <= part.count else { return nil }
        func word(_ number: Int) -> UInt64 {
            UInt64(
                littleEndian: part.loadUnaligned(
                    fromByteOffset: start + number * 8,
                    as: UInt64.self
                )
            )
        }
        var statistics = Statistics()
        statistics.count = Int64(bitPattern: word(0))
        statistics.notNumbers = Int64(bitPattern: word(1))
        statistics.min = Double(bitPattern: word(2))
        statistics.max = Double(bitPattern: word(3))
        statistics.sum = Double(bitPattern: word(4))
        return statistics
    }
}
