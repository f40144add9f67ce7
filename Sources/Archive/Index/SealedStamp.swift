internal import ArchiveFormat
internal import Log

/// What tells a sealed file from another one at the same path, for two short reads.
///
/// A file's trailer carries the checksum of its footer, and the footer its random id and the
/// checksums of all chunks: another file has another trailer. Bytes that change between the two
/// ends are found when they are read.
struct SealedStamp: Hashable, Sendable {
    /// Length and checksum of both ends, as the index keeps it.
    let text: String

    /// That of a file whose ends cannot be read.
    static let none = SealedStamp(text: "")

    init(text: String) {
        self.text = text
    }

    /// The stamp of an open file.
    init(of file: any SegmentFile) throws(DiskError) {
        let size = try file.size()
        let head = try file.bytes(0..<min(size, SealedLayout.headLength))
        let tail = try file.bytes(max(0, size - SealedLayout.trailerLength)..<size)
        let crc = (head + tail).withUnsafeBytes { crc32c($0) }
        text = "\(size)-\(String(crc, radix: 16))"
    }

    /// The stamp of what is at `path` now; nil if nothing is.
    static func read(_ path: String, disk: any Disk) -> SealedStamp? {
        do throws(DiskError) {
            return try SealedStamp(of: try disk.open(path, .read))
        } catch {
            if case .missing = error { return nil }
            return SealedStamp.none
        }
    }
}
