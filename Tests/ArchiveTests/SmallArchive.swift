import ArchiveFormat
import CerroTesting
import Foundation
import Log
import Telemetry

@testable import Archive

/// A small whole archive: three sealed files and an open segment, of one instance and two feeds.
struct SmallArchive {
    static let mixed = Feed(
        "mixed",
        fields: [
            Field("position", .int), Field("x"), Field("note", .string), Field("on", .bool),
        ]
    )
    /// Rows of each feed in each file.
    static let rows = 30
    static let segments = 4

    let rig: Rig
    var directory: ArchiveDirectory { rig.archive.directory }

    init(hasUnreadable: Bool = false) throws {
        rig = try Rig(rotate: .seconds(60))
        var log = AgentLog("alpha", epoch: 1)
        log.declare(Self.mixed, revision: 1, at: start)
        log.declare(.positions, revision: 2, at: start)
        for segment in 0..<Self.segments {
            if hasUnreadable { log.addRubbish() }
            for row in 0..<Self.rows {
                let instant = start + .seconds(segment * 60 + row)
                let position = log.last + 1
                log.publish([Self.block(instant, position)], revision: 1, at: instant)
                log.publish(
                    [Block(timestamps: [instant], columns: [.ints([log.last + 1])])],
                    revision: 2,
                    at: instant
                )
                if row % 10 == 9 {
                    try log.send(to: rig.journal, received: instant)
                    try rig.journal.commit()
                }
            }
            guard segment + 1 < Self.segments else { break }
            rig.time.now = start + .seconds((segment + 1) * 60)
            try rig.journal.rotateIfDue(at: rig.time.now)
        }
        try rig.seal()
    }

    private static func block(_ instant: Timestamp, _ position: Int64) -> Block {
        Block(
            timestamps: [instant],
            columns: [
                .ints([position]), .doubles([Double(position) / 8]),
                .strings(["p\(position)"]), .bools([position % 4 == 0]),
            ]
        )
    }

    /// The sealed files, oldest first.
    func sealed() throws -> [ArchiveFile] {
        try directory.files().filter { $0.kind == .sealed }
    }

    func open(_ file: ArchiveFile) throws -> SealedFile {
        try SealedFile.open(directory.full(file))
    }

    func bytes(_ path: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: "\(directory.path)/\(path)"))
    }

    /// Puts `bytes` at `path` as `cp` does, or as `mv` does.
    func put(_ bytes: Data, at path: String, asNewFile: Bool) throws {
        let url = URL(fileURLWithPath: "\(directory.path)/\(path)")
        if asNewFile {
            try bytes.write(to: url, options: .atomic)
        } else {
            let handle = try FileHandle(forWritingTo: url)
            try handle.truncate(atOffset: 0)
            try handle.write(contentsOf: bytes)
            try handle.close()
        }
    }
}

/// What an archive answers: every row of both feeds, and the gaps.
struct Answers: Equatable {
    var mixed: TimelineSlice
    var positions: TimelineSlice
    var gaps: [LedgerEntry]

    init(_ store: ArchiveStore) throws {
        let fields = SmallArchive.mixed.fields.map(\.name)
        mixed = try store.timeline(
            instance: "alpha",
            feed: "mixed",
            fields: fields,
            range: .allOfTime
        )
        positions = try store.timeline(
            instance: "alpha",
            feed: "positions",
            fields: ["position"],
            range: .allOfTime
        )
        gaps = try store.gaps(in: .allOfTime)
    }

    /// How many values are there.
    var values: Int {
        (mixed.columns + positions.columns).reduce(0) { sum, column in
            sum + (column.presence?.count { $0 } ?? column.count)
        }
    }
}
