import Archive
import ArchiveFormat
import Foundation
import MessagePack
import Telemetry

/// An archive in a folder of its own, written as the aggregator writes one; gone with its object.
final class TemporaryArchive {
    let path: String
    private let journal: JournalWriter
    private let lock: any Sendable
    /// How many records of each epoch were written.
    private var positions: [String: Int64] = [:]
    private var feeds: [String: Int64] = [:]

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/reader-\(UUID().uuidString)"
        let directory = ArchiveDirectory(path)
        let (id, lock) = try directory.lockForWriting(holder: "test")
        self.lock = lock
        journal = try JournalWriter(directory: directory, archive: id)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Commits blocks of a feed, declared in the epoch before if it was not yet.
    func commit(_ instance: String, epoch: Int64 = 1, _ feed: Feed, _ blocks: Block...) throws {
        let key = "\(instance) \(epoch) \(feed.hashValue)"
        if feeds[key] == nil {
            feeds[key] = Int64(feeds.count + 1)
            try append(instance, epoch) { header, writer in
                RecordWriter.write(header, declaration: feed, to: &writer)
            } revision: {
                feeds[key] ?? 0
            }
        }
        try append(instance, epoch) { header, writer in
            RecordWriter.write(header, blocks: blocks, to: &writer)
        } revision: {
            feeds[key] ?? 0
        }
        try journal.commit()
    }

    /// Commits the end of an epoch.
    func end(_ instance: String, epoch: Int64) throws {
        try append(instance, epoch) { header, writer in
            RecordWriter.writeEnd(header, to: &writer)
        } revision: {
            0
        }
        try journal.commit()
    }

    /// Commits a row of the ledger.
    func commit(_ row: LedgerEntry) throws {
        journal.appendLedger(row)
        try journal.commit()
    }

    /// Seals what was committed; nothing can be committed after that.
    func sealAll() throws {
        _ = try Sealer(directory: ArchiveDirectory(path)).sealAll(openSegment: nil)
    }

    private func append(
        _ instance: String,
        _ epoch: Int64,
        _ write: (RecordHeader, inout MessagePackWriter) -> Void,
        revision: () -> Int64
    ) throws {
        let position = positions["\(instance) \(epoch)", default: 0] + 1
        positions["\(instance) \(epoch)"] = position
        let header = RecordHeader(
            kind: nil,
            epoch: epoch,
            position: position,
            revision: revision(),
            published: at(0)
        )
        var writer = MessagePackWriter()
        write(header, &writer)
        var frame: [UInt8] = []
        writer.withBytes { _ = Frame.append($0, to: &frame) }
        try frame.withUnsafeBytes { bytes in
            try journal.append(
                instance: instance,
                epoch: epoch,
                first: position,
                count: 1,
                received: at(0),
                frames: bytes
            )
        }
    }
}

/// Doubles of one feed, one a second from `first` on.
func block(_ first: Double, _ values: [Double]) -> Block {
    Block(
        timestamps: values.indices.map { at(first + Double($0)) },
        columns: [.doubles(values)]
    )
}
