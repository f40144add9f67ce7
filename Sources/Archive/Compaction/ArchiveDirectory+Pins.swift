internal import Log
public import SiteConfig

// The intervals that retention leaves alone, in `pins.yaml` beside the archive.

extension ArchiveDirectory {
    /// The lock of who changes pins, or removes what they do not hold.
    static let pinsLock = "pins.lock"

    private var pinsPath: String { "\(path)/pins.yaml" }

    /// The pinned intervals; none where there is no file.
    ///
    /// - Throws: ``ArchiveError/pins(_:)`` where nobody knows what is pinned.
    public func pins() throws(ArchiveError) -> [Pin] {
        let bytes: [UInt8]
        do throws(DiskError) {
            bytes = try disk.contents(of: pinsPath)
        } catch {
            if case .missing = error { return [] }
            throw .disk(error)
        }
        guard bytes.count <= SiteConfig.Limits.fileBytes,
            let text = String(validating: bytes, as: UTF8.self)
        else { throw .pins("\(pinsPath): is no text of at most 1 MiB in UTF-8") }
        do throws(SiteError) {
            return try Pin.read(text, file: pinsPath)
        } catch {
            throw .pins("\(error)")
        }
    }

    /// Changes the pinned intervals, in one step that survives a power cut.
    ///
    /// - Throws: ``ArchiveError``: also while retention or somebody else is about to write.
    public func changePins(
        holder: String,
        _ change: (inout [Pin]) throws(ArchiveError) -> Void
    ) throws(ArchiveError) {
        let lock = try lock(Self.pinsLock, holder: holder)
        defer { lock.unlock() }
        var pins = try pins()
        try change(&pins)
        guard pins.count <= Archive.Limits.pins else {
            throw .pins("\(pinsPath): there are \(Archive.Limits.pins) pins already: remove some")
        }
        do throws(DiskError) {
            try disk.replace(pinsPath, with: Array(Pin.text(pins).utf8))
        } catch {
            throw .disk(error)
        }
    }
}
