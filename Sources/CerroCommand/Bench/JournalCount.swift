internal import ArchiveFormat
internal import Foundation
internal import Telemetry

/// Which numbered rows of the feeds of FakeData's `load` an archive's journals hold.
///
/// It reads the files as they stand, without the archive's own reader: what that leaves out as
/// doubled would not be seen.
struct JournalCount {
    /// The rows of each instance.
    private(set) var rows: [String: RowTally] = [:]
    /// The messages with such rows, and the bytes of their frames.
    private(set) var messages = 0, byteCount = 0
    /// Where the last entry with such rows ends.
    private(set) var end: (path: String, offset: Int)?

    private struct Declaration: Hashable {
        let instance: String, epoch: Int64, revision: Int64
    }

    private var feeds: [Declaration: Feed] = [:]

    /// Reads the journals `paths`, in order of creation.
    ///
    /// - Throws: an error of the file system; damage is no error, what it hides is missing.
    init(of paths: [String]) throws {
        for path in paths {
            let file = try Data(contentsOf: URL(filePath: path), options: .alwaysMapped)
            file.withUnsafeBytes { bytes in
                var scanner = FrameScanner(bytes)
                while let item = scanner.next() {
                    guard case .frame(_, let payload, _) = item else { continue }
                    let before = messages
                    // A damaged entry is missing rows, which show.
                    try? JournalRecord.withRecord(in: payload) { entry in
                        guard case .batch(let instance, _, _, _, _, let frames) = entry else {
                            return
                        }
                        read(frames, of: instance)
                    }
                    if messages > before { end = (path, scanner.offset) }
                }
            }
        }
    }

    private mutating func read(_ frames: UnsafeRawBufferPointer, of instance: String) {
        var scanner = FrameScanner(frames)
        while let item = scanner.next() {
            guard case .frame(_, let payload, _) = item else { continue }
            try? Record.withRecord(in: payload) { record in
                let header = record.header
                let key = Declaration(
                    instance: instance,
                    epoch: header.epoch,
                    revision: header.revision
                )
                switch header.kind {
                case .declaration: feeds[key] = try record.declaration()
                case .data:
                    guard let feed = feeds[key], feed.name.hasPrefix("load") else { return }
                    messages += 1
                    byteCount += Frame.headerLength + payload.count
                    for block in try record.blocks(of: feed) {
                        guard case .ints(let numbers)? = block.columns.first?.values else {
                            continue
                        }
                        for number in numbers { rows[instance, default: RowTally()].add(number) }
                    }
                default: break
                }
            }
        }
    }
}

/// Which of the numbers 1, 2, 3, … were seen.
struct RowTally {
    private var bits: [UInt64] = []
    /// How many different numbers were seen, and how many came once more.
    private(set) var count = 0, doubled = 0

    /// Notes a number; one below 1 was never published and counts as doubled.
    mutating func add(_ number: Int64) {
        guard number > 0 else {
            doubled += 1
            return
        }
        let word = Int(number) >> 6
        if word >= bits.count {
            bits += [UInt64](repeating: 0, count: max(word + 1 - bits.count, bits.count))
        }
        let bit: UInt64 = 1 << UInt64(number & 63)
        if bits[word] & bit == 0 {
            bits[word] |= bit
            count += 1
        } else {
            doubled += 1
        }
    }

    /// How many of the numbers up to `last` are missing.
    func lost(upTo last: Int) -> Int {
        var lost = 0
        for number in stride(from: 1, through: last, by: 1) {
            let word = number >> 6
            if word >= bits.count || bits[word] >> UInt64(number & 63) & 1 == 0 { lost += 1 }
        }
        return lost
    }
}
