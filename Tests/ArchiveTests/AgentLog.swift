import Archive
import ArchiveFormat
import MessagePack
import Synchronization
import Telemetry

/// What an agent's log holds: records of one epoch, as frames.
struct AgentLog {
    let instance: String
    let epoch: Int64
    private(set) var frames: [[UInt8]] = []

    init(_ instance: String, epoch: Int64) {
        self.instance = instance
        self.epoch = epoch
    }

    var last: Int64 { Int64(frames.count) }

    private func header(revision: Int64, at time: Timestamp) -> RecordHeader {
        RecordHeader(
            kind: nil,
            epoch: epoch,
            position: last + 1,
            revision: revision,
            published: time
        )
    }

    private mutating func add(_ write: (inout MessagePackWriter) -> Void) {
        var writer = MessagePackWriter()
        write(&writer)
        var frame: [UInt8] = []
        writer.withBytes { _ = Frame.append($0, to: &frame) }
        frames.append(frame)
    }

    mutating func declare(_ feed: Feed, revision: Int64, at time: Timestamp) {
        let header = header(revision: revision, at: time)
        add { RecordWriter.write(header, declaration: feed, to: &$0) }
    }

    mutating func publish(_ blocks: [Block], revision: Int64, at time: Timestamp) {
        let header = header(revision: revision, at: time)
        add { RecordWriter.write(header, blocks: blocks, to: &$0) }
    }

    mutating func lose(_ loss: RecordLoss, at time: Timestamp) {
        let header = header(revision: 0, at: time)
        add { RecordWriter.write(header, loss: loss, to: &$0) }
    }

    mutating func end(at time: Timestamp) {
        let header = header(revision: 0, at: time)
        add { RecordWriter.writeEnd(header, to: &$0) }
    }

    /// A record that no version can read.
    mutating func addRubbish() {
        add { $0.write("no record") }
    }

    /// Gives a journal up to `count` records after what it has.
    func send(
        to journal: JournalWriter,
        most count: Int64 = .max,
        received: Timestamp
    ) throws {
        let after = journal.cursor(of: instance, epoch: epoch)?.position ?? 0
        let last = after + min(count, last - after)
        guard last > after else { return }
        try send(first: after + 1, last: last, to: journal, received: received)
    }

    func send(
        first: Int64,
        last: Int64,
        to journal: JournalWriter,
        received: Timestamp,
        losses: [LedgerEntry] = []
    ) throws {
        let bytes = frames[Int(first - 1)..<Int(last)].flatMap { $0 }
        try bytes.withUnsafeBytes { buffer in
            try journal.append(
                instance: instance,
                epoch: epoch,
                first: first,
                count: last - first + 1,
                received: received,
                frames: buffer,
                losses: losses
            )
        }
    }
}

extension Feed {
    /// A feed whose one field holds the position of its record.
    static let positions = Feed("positions", fields: [Field("position", .int)])
}

/// 2026-11-21T05:10:00 UTC.
let start = Timestamp(seconds: 1_795_237_800)
