internal import ArchiveFormat
internal import Glibc
internal import Telemetry

/// What a log finds in its folder when it opens: the lock, older epochs, what archives have.
struct LogOpening {
    let lock: any FolderLock
    let epoch: Int64
    let predecessor: Int64
    let epochs: [EpochEntry]
    let segments: [Segment]
    let progress: [String: Progress]
    let bootID: String

    init(
        folder: String,
        instance: String,
        disk: any Disk,
        now: Timestamp,
        bootID: String
    ) throws(LogError) {
        self.bootID = Self.word(bootID)
        do throws(DiskError) {
            try disk.createFolder(folder)
            lock = try disk.lock("\(folder)/lock", holder: Self.holder(instance))
        } catch {
            guard case .locked(_, let holder) = error else { throw .disk(error) }
            throw .held(folder: folder, holder: holder)
        }
        do throws(DiskError) {
            segments = try Self.segments(in: folder, disk)
        } catch {
            lock.unlock()
            throw .disk(error)
        }
        let known = LogTables.epochs(Self.contents(of: LogTables.epochs, in: folder, disk))
        progress = LogTables.commits(Self.contents(of: LogTables.commits, in: folder, disk))
        let newest = max(known.map(\.epoch).max() ?? 0, segments.last?.epoch ?? 0)
        predecessor = newest
        epoch = max(now.nanoseconds, newest + 1)
        // Of an epoch that the table does not know nobody can say that it was closed.
        let held = Set(segments.map(\.epoch)).sorted().map { epoch in
            known.first { $0.epoch == epoch }
                ?? EpochEntry(epoch: epoch, bootID: "unknown", isClosed: false)
        }
        epochs = held + [EpochEntry(epoch: epoch, bootID: self.bootID, isClosed: false)]
    }

    private static func segments(
        in folder: String,
        _ disk: any Disk
    ) throws(DiskError) -> [Segment] {
        let found = try disk.names(in: folder).compactMap(Segment.parse)
        var segments: [Segment] = []
        for (number, place) in found.enumerated() {
            let path = "\(folder)/\(Segment.name(epoch: place.epoch, first: place.first))"
            let isLast = number + 1 == found.count || found[number + 1].epoch != place.epoch
            // A segment that cannot be read must not keep an instrument from being measured: it
            // stays where it is, and what it held is a loss when it is fetched.
            var segment = Segment(
                epoch: place.epoch,
                first: place.first,
                index: nil,
                byteCount: 0,
                beginsWithDeclarations: true
            )
            if let file = try? disk.open(path, .read), let size = try? file.size() {
                segment.byteCount = size
                let head = (try? file.bytes(0..<min(size, isLast ? size : 256))) ?? []
                segment.beginsWithDeclarations = isDeclaration(head)
                if isLast {
                    segment.index = scan(head, segment)
                    // Who was killed may have left something that only the kernel has.
                    try? file.sync()
                }
            } else if isLast {
                segment.index = SegmentIndex(first: place.first)
            }
            segments.append(segment)
        }
        return segments
    }

    private static func scan(_ bytes: [UInt8], _ segment: Segment) -> SegmentIndex {
        bytes.withUnsafeBytes {
            .scan($0, epoch: segment.epoch, first: segment.first, limit: .max)
        }
    }

    /// Whether the first frame of a segment is a declaration, by its first bytes.
    private static func isDeclaration(_ head: [UInt8]) -> Bool {
        guard head.count > Frame.headerLength else { return false }
        return head.withUnsafeBytes { bytes in
            let payload = UnsafeRawBufferPointer(rebasing: bytes[Frame.headerLength...])
            return RecordPeek(payload)?.kind == RecordKind.declaration.rawValue
        }
    }

    /// The bytes of a small file; none where it is missing or cannot be read.
    private static func contents(
        of name: String,
        in folder: String,
        _ disk: any Disk
    ) -> [UInt8] {
        guard let file = try? disk.open("\(folder)/\(name)", .read) else { return [] }
        return (try? file.bytes(0..<min(Limits.table, file.size()))) ?? []
    }

    private static func holder(_ instance: String) -> String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        let host = String(
            decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)),
            as: UTF8.self
        )
        return "host \(host), pid \(getpid()), instance \(instance)"
    }

    private static func word(_ text: String) -> String {
        let word = text.filter { !$0.isWhitespace }
        return word.isEmpty ? "unknown" : word
    }
}
