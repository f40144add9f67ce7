internal import Telemetry

/// The buffers of a batch, one behind the other.
struct ArrowBody {
    private(set) var bytes: [UInt8] = []
    /// For each column how many values it has, and how many of them are missing.
    private(set) var nodes: [(Int64, Int64)] = []
    /// Where each buffer begins, and its length.
    private(set) var buffers: [(Int64, Int64)] = []

    /// Adds the buffers of a column.
    mutating func append(_ column: ArrowColumn) {
        switch column {
        case .instants(let instants):
            appendHead(instants.count, presence: nil)
            appendBuffer(instants)
        case .values(let column):
            appendHead(column.count, presence: column.presence)
            switch column.values {
            case .doubles(let values): appendBuffer(values)
            case .ints(let values): appendBuffer(values)
            case .bools(let values): appendBits(values)
            case .strings(let values): appendTexts(values, column)
            }
        }
    }

    /// The node of a column and the map of what is there, which is empty where everything is.
    private mutating func appendHead(_ count: Int, presence: [Bool]?) {
        let missing = presence?.count { !$0 } ?? 0
        nodes.append((Int64(count), Int64(missing)))
        appendBits(missing > 0 ? presence ?? [] : [])
    }

    /// Texts behind their offsets; one that is missing has no bytes.
    private mutating func appendTexts(_ values: [String], _ column: Column) {
        var offsets: [Int32] = [0]
        offsets.reserveCapacity(values.count + 1)
        var texts: [UInt8] = []
        for (row, text) in values.enumerated() {
            if column.isPresent(row) { texts.append(contentsOf: text.utf8) }
            offsets.append(Int32(texts.count))
        }
        appendBuffer(offsets)
        appendBuffer(texts)
    }

    private mutating func appendBits(_ flags: [Bool]) {
        var bits = [UInt8](repeating: 0, count: (flags.count + 7) / 8)
        for (row, flag) in flags.enumerated() where flag { bits[row / 8] |= 1 << UInt8(row % 8) }
        appendBuffer(bits)
    }

    /// Appends values as they lie in memory: all machines that Cerro runs on are little-endian.
    private mutating func appendBuffer<Element: BitwiseCopyable>(_ values: [Element]) {
        values.withUnsafeBytes { raw in
            buffers.append((Int64(bytes.count), Int64(raw.count)))
            bytes.append(contentsOf: raw)
        }
        while bytes.count % 8 != 0 { bytes.append(0) }
    }
}
