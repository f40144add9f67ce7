internal import ArchiveFormat
internal import G3Format
internal import Log
internal import Telemetry

/// Where a frame holds rows of a timeline: the block of that number in it.
struct G3Place: Hashable, Sendable {
    let offset: Int, length: Int, block: Int, rows: Int
    /// The first and last of its times.
    let first: Int64, last: Int64
}

/// The rows of one timeline with one set of fields in one file.
struct G3Part: Sendable {
    let address: G3Address
    let feed: Feed
    var places: [G3Place] = []

    var first: Int64 { places.lazy.map(\.first).min() ?? 0 }
    var last: Int64 { places.lazy.map(\.last).max() ?? 0 }
    var rows: Int { places.reduce(0) { $0 + $1.rows } }
}

/// Bytes of a file that are no frames.
struct G3Damage: Sendable {
    let range: Range<Int>
    let error: G3Error
    /// The last time before and the first one after it, where there is any.
    var before: Int64?, after: Int64?
    /// Whether the file just ends inside of a frame: it may still be written to.
    var isCut: Bool { error.reason == .cutOff }
}

/// What one file of a tree holds, found by reading each of its frames once.
struct G3FileScan: Sendable {
    /// What has to be known to go on where a scan ended.
    struct State: Sendable {
        /// Where the next frame begins.
        var offset = 0
        /// The checksum at the end of the last frame: another file has another one there.
        var seal: UInt32 = 0
        /// The addresses of the providers by id.
        var providers: [Int64: String] = [:]
        /// The newest time so far.
        var newest: Int64?
    }

    private struct Key: Hashable {
        let address: G3Address, fields: [Field]
    }

    /// A block as its provider had it in its frame before: most are like that.
    fileprivate struct Shape {
        let types: [String: FieldType], part: Int
    }

    private struct Slot: Hashable {
        let provider: Int64, block: Int
    }

    /// Where the scan ended.
    private(set) var state: State
    private(set) var parts: [G3Part] = []
    private(set) var damage: [G3Damage] = []
    private(set) var frames = 0
    private var keys: [Key: Int] = [:]
    private var shapes: [Slot: Shape] = [:]

    /// Reads the first `size` bytes of `file` from where `state` says.
    init(_ file: any SegmentFile, size: Int, from state: State = State()) throws(DiskError) {
        self.state = state
        try scan(file, size: size)
    }

    private mutating func scan(_ file: any SegmentFile, size: Int) throws(DiskError) {
        var reader = G3FrameReader(size: size, from: state.offset) { buffer, offset in
            try file.read(into: buffer, at: offset)
        }
        do {
            while let item = try reader.next() {
                switch item {
                case .frame(let frame):
                    frames += 1
                    note(frame)
                    state.seal = frame.checksum
                case .damage(let range, let error):
                    note(range, error)
                }
                state.offset = reader.offset
            }
        } catch let error as DiskError {
            throw error
        } catch {
            throw .failed(path: file.path, during: "read", code: 0, text: "\(error)")
        }
    }

    private mutating func note(_ frame: G3Frame) {
        do throws(G3Error) {
            switch try HousekeepingFrame(frame) {
            case .status(_, _, let providers):
                guard providers != state.providers else { break }
                state.providers = providers
                shapes = [:]
            case .data(let data): try note(data, frame)
            case .session:
                state.providers = [:]
                shapes = [:]
            case .other: break
            }
        } catch {
            note(frame.range, error)
        }
    }

    /// Of very many damages the last one stands for the rest.
    private mutating func note(_ range: Range<Int>, _ error: G3Error) {
        guard damage.count >= Limits.g3Damages, let last = damage.popLast() else {
            damage.append(G3Damage(range: range, error: error, before: state.newest))
            return
        }
        damage.append(
            G3Damage(
                range: last.range.lowerBound..<max(last.range.upperBound, range.upperBound),
                error: last.error,
                before: last.before
            )
        )
    }

    private mutating func note(_ data: HousekeepingData, _ frame: G3Frame) throws(G3Error) {
        guard let description = state.providers[data.provider] ?? data.address else {
            throw G3Error(
                offset: frame.range.lowerBound,
                .malformed("provider \(data.provider) is in no status frame before its data")
            )
        }
        for (number, block) in data.blocks.enumerated() where !block.fields.isEmpty {
            guard let times = block.ends else { continue }
            let slot = Slot(provider: data.provider, block: number)
            let part =
                if let shape = shapes[slot], shape.fits(block) {
                    shape.part
                } else {
                    try part(of: block, description, frame)
                }
            if shapes[slot]?.part != part {
                shapes[slot] = Shape(types: block.fields.mapValues(\.type), part: part)
            }
            parts[part].places.append(
                G3Place(
                    offset: frame.range.lowerBound,
                    length: frame.range.count,
                    block: number,
                    rows: block.count,
                    first: times.first,
                    last: times.last
                )
            )
            for number in damage.indices where damage[number].after == nil {
                damage[number].after = times.first
            }
            state.newest = max(state.newest ?? times.last, times.last)
        }
    }

    /// The part that has the fields of a block, which is made where it is not there.
    private mutating func part(
        of block: HousekeepingData.Block,
        _ description: String,
        _ frame: G3Frame
    ) throws(G3Error) -> Int {
        let address = G3Address(description)
        let fields = G3Columns(block).fields
        let key = Key(address: address, fields: fields)
        if let known = keys[key] { return known }
        let feed = Feed(address.feed, fields: fields)
        guard (try? feed.check()) != nil else {
            throw G3Error(
                offset: frame.range.lowerBound,
                .malformed("block \(block.name) has \(fields.count) fields")
            )
        }
        keys[key] = parts.count
        parts.append(G3Part(address: address, feed: feed))
        return parts.count - 1
    }
}

extension G3FileScan.Shape {
    /// Whether a block has the same fields.
    fileprivate func fits(_ block: HousekeepingData.Block) -> Bool {
        block.fields.count == types.count
            && block.fields.allSatisfy { types[$0.key] == $0.value.type }
    }
}

/// The fields of a block under the names that they have here, in the order of their own.
struct G3Columns {
    let fields: [Field]
    /// The names in the file, in the same order.
    let names: [String]
    private let block: HousekeepingData.Block

    init(_ block: HousekeepingData.Block) {
        self.block = block
        names = block.fields.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        fields = zip(names, G3Address.fields(names)).map { original, name in
            Field(name, block.fields[original]?.type ?? .double)
        }
    }

    /// The values of the field `index`.
    func column(_ index: Int) -> Column {
        guard let vector = block.fields[names[index]] else { return .doubles([Double]()) }
        return switch vector.type {
        case .double: .doubles(vector.doubles)
        case .int: .ints(vector.integers)
        case .bool: .bools(vector.bools)
        case .string: .strings(vector.strings)
        }
    }
}

extension G3Vector {
    /// What the elements are.
    fileprivate var type: FieldType {
        switch kind {
        case .doubles: .double
        case .integers: .int
        case .bools: .bool
        case .strings: .string
        }
    }
}
