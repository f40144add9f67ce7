internal import ArchiveFormat
internal import Log
internal import Telemetry

// How a journal goes from one segment to the next.

extension JournalWriter {
    /// Leaves the segment: nobody knows what of it the disk has.
    ///
    /// One in which nothing counts goes at once: a disk that stays full would collect a thousand.
    func abandon() {
        if file != nil, !hasCommitted, let fresh = current {
            // One that stays does no harm.
            try? directory.disk.remove(directory.full(fresh))
            current = nil
        }
        file = nil
        written = 0
    }

    /// Begins a segment that opens with all that is committed; the one before is closed.
    func begin(at instant: Timestamp) throws(DiskError) {
        let created = max(max(instant, lastReceived), lastCreated + .nanoseconds(1))
        let next = ArchiveFile.segment(created: created)
        let path = directory.full(next)
        var table = committedTable
        table.prune(finishedIn: openedWith)
        var bytes: [UInt8] = []
        Self.append(
            .opening(archive: archive, segment: next.id, created: created, cursors: table.cursors),
            to: &bytes
        )
        for (key, revisions) in declarations.sorted(by: { $0.key.epoch < $1.key.epoch }) {
            appendDeclarations(key, revisions, received: created, to: &bytes)
        }
        do throws(DiskError) {
            let file = try create(path, day: next.day, bytes)
            if let current { closed.append(current.path) }
            self.file = file
        } catch {
            // An empty segment would do no harm; a thousand of them on a full disk would.
            try? directory.disk.remove(path)
            throw error
        }
        current = next
        hasCommitted = false
        currentBoundary = boundary(of: created)
        lastCreated = created
        committedTable = table
        openedWith = table
        if uncommitted.isEmpty {
            self.table = table
            lastPublished = lastPublished.filter { table.entries[$0.key] != nil }
        }
        openingCount = bytes.count
        segmentByteCount = bytes.count + uncommitted.count
        written = 0
    }

    /// Repeats the declarations of an epoch: records that are there already, so the count is 0.
    private func appendDeclarations(
        _ key: CursorTable.Key,
        _ revisions: [Int64: [UInt8]],
        received: Timestamp,
        to bytes: inout [UInt8]
    ) {
        var frames: [UInt8] = []
        func flush(_ bytes: inout [UInt8]) {
            guard !frames.isEmpty else { return }
            frames.withUnsafeBytes { buffer in
                Self.append(
                    .batch(
                        instance: key.instance,
                        epoch: key.epoch,
                        first: (committedTable.entries[key]?.position ?? 0) + 1,
                        count: 0,
                        received: received,
                        frames: buffer
                    ),
                    to: &bytes
                )
            }
            frames = []
        }
        for (_, frame) in revisions.sorted(by: { $0.key < $1.key }) {
            frames.append(contentsOf: frame)
            if frames.count > Record.longest / 2 { flush(&bytes) }
        }
        flush(&bytes)
    }

    private func create(
        _ path: String,
        day: String,
        _ bytes: [UInt8]
    ) throws(DiskError) -> any SegmentFile {
        let disk = directory.disk
        let folder = "\(directory.path)/\(day)"
        try disk.createFolder(folder)
        let file = try disk.open(path, .create)
        let done = try bytes.withUnsafeBufferPointer { (buffer) throws(DiskError) -> Int in
            try file.append([UnsafeRawBufferPointer(buffer)])
        }
        guard done == bytes.count else { throw .full(path: path, during: "write") }
        try file.sync()
        try disk.syncFolder(folder)
        if syncedDay != day {
            let parts = day.split(separator: "/")
            for count in stride(from: parts.count - 1, through: 0, by: -1) {
                let above = parts.prefix(count).joined(separator: "/")
                try disk.syncFolder(above.isEmpty ? directory.path : "\(directory.path)/\(above)")
            }
            syncedDay = day
        }
        return file
    }
}
