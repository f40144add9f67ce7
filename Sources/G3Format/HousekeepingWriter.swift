/// Makes the frames of a housekeeping file of schema version 2, as so3g and hkdb read them.
///
/// A file begins with ``session`` and ``status(_:timestamp:)``, so that it stands alone; a new
/// status comes whenever the providers change, before their data.
public struct HousekeepingWriter: Sendable {
    /// Values of one field.
    public enum Values: Sendable {
        case doubles([Double])
        case integers([Int64])
        case bools([Bool])
        case strings([String])
    }

    /// Fields with N times in common.
    public struct Block: Sendable {
        /// The block's name, one for its set of fields for as long as the provider lives.
        public var name: String
        /// N times in nanoseconds since 1970-01-01 UTC, in order; what is below 10 ns is cut off.
        public var nanoseconds: [Int64]
        /// N values for each field.
        public var fields: [(name: String, values: Values)]

        /// A block.
        public init(
            name: String,
            nanoseconds: [Int64],
            fields: [(name: String, values: Values)]
        ) {
            self.name = name
            self.nanoseconds = nanoseconds
            self.fields = fields
        }
    }

    /// The session, which sorts by time: all files of one run share it.
    public let session: Int64
    private let start: Double
    private let description: String

    /// A writer for a session that began at `start`, in seconds since 1970-01-01 UTC.
    public init(session: Int64, start: Double, description: String = "HK data") {
        self.session = session
        self.start = start
        self.description = description
    }

    /// The frame that a file begins with.
    public var sessionFrame: [UInt8] {
        frame(
            0,
            [
                ("start_time", G3ArchiveWriter.double(start)),
                ("description", G3ArchiveWriter.string(description)),
            ]
        )
    }

    /// The providers that there are now: feed addresses of four parts, by id.
    public func status(_ providers: [Int64: String], timestamp: Double) -> [UInt8] {
        let list = G3ArchiveWriter.archive { writer in
            writer.begin("G3VectorFrameObject")
            writer.put(UInt64(providers.count))
            for (id, description) in providers.sorted(by: { $0.key < $1.key }) {
                writer.begin("G3MapFrameObject")
                writer.put(UInt32(2))
                writer.put(text: "description")
                writer.put(blob: G3ArchiveWriter.string(description))
                writer.put(text: "prov_id")
                writer.put(blob: G3ArchiveWriter.int(id))
            }
        }
        return frame(1, [("timestamp", G3ArchiveWriter.double(timestamp)), ("providers", list)])
    }

    /// Samples of one provider; `timestamp` grows from frame to frame of one provider.
    ///
    /// `address` is the provider's description once more, and `agentStart` when its agent began, in
    /// seconds: hkdb depends on both.
    public func data(
        provider: Int64,
        address: String,
        agentStart: Double,
        timestamp: Double,
        blocks: [Block]
    ) -> [UInt8] {
        let list = G3ArchiveWriter.archive { writer in
            writer.begin("G3VectorFrameObject")
            writer.put(UInt64(blocks.count))
            for block in blocks { Self.put(block, &writer) }
        }
        return frame(
            2,
            [
                ("prov_id", G3ArchiveWriter.int(provider)),
                ("timestamp", G3ArchiveWriter.double(timestamp)),
                ("address", G3ArchiveWriter.string(address)),
                ("provider_session_id", G3ArchiveWriter.string("\(agentStart)")),
                ("block_names", G3ArchiveWriter.strings(blocks.map(\.name))),
                ("blocks", list),
            ]
        )
    }

    private static func put(_ block: Block, _ writer: inout G3ArchiveWriter) {
        writer.begin("G3TimesampleMap", version: 0)
        writer.putVersion(of: "G3MapFrameObject", 1)
        writer.putVersion(of: "G3FrameObject", 1)
        writer.put(UInt32(block.fields.count))
        let fields = block.fields.sorted {
            Array($0.name.utf8).lexicographicallyPrecedes($1.name.utf8)
        }
        for (name, values) in fields {
            writer.put(text: name)
            writer.put(
                blob: G3ArchiveWriter.archive { vector in
                    switch values {
                    case .doubles(let values): vector.putVector(doubles: values)
                    case .integers(let values): vector.putVector(integers: values)
                    case .bools(let values): vector.putVector(bools: values)
                    case .strings(let values): vector.putVector(strings: values)
                    }
                }
            )
        }
        writer.putVersion(of: "G3VectorTime", 1)
        writer.put(UInt64(block.nanoseconds.count))
        if !block.nanoseconds.isEmpty { writer.putVersion(of: "G3Time", 1) }
        for instant in block.nanoseconds {
            // Towards the past, before 1970 too.
            writer.put(instant / 10 - (instant % 10 < 0 ? 1 : 0))
        }
    }

    private func frame(_ kind: Int64, _ entries: [(key: String, bytes: [UInt8])]) -> [UInt8] {
        let common = [
            ("hkagg_type", G3ArchiveWriter.int(kind)),
            ("hkagg_version", G3ArchiveWriter.int(2)),
            ("session_id", G3ArchiveWriter.int(session)),
        ]
        let all = common + entries
        var writer = G3ArchiveWriter()
        writer.put(UInt32(1))
        writer.put(UInt32(all.count))
        writer.put(UInt32(0x48))
        for (key, bytes) in all {
            writer.put(text: key)
            writer.put(blob: bytes)
        }
        writer.put(G3Frame.checksum(all.flatMap { [Array($0.0.utf8), $0.1] }))
        return writer.bytes
    }
}
