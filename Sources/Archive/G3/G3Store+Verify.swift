internal import G3Format
internal import Log

extension G3Store {
    /// Reads every frame of a tree of `.g3` files: checksums, classes, lengths, texts.
    ///
    /// - Parameters:
    ///   - root: the tree; its index is not needed.
    ///   - progress: called with the number of files done and of all.
    ///   - problem: called with one line for each problem: where, what, what it means.
    /// - Returns: what was looked at.
    /// - Throws: ``ArchiveError`` if the folders cannot be read at all.
    public static func verify(
        root: String,
        progress: (Int, Int) -> Void = { _, _ in },
        problem: (String) -> Void
    ) throws(ArchiveError) -> VerifySummary {
        let files: [G3File]
        do throws(DiskError) {
            files = try G3Tree(root: root).list { _, _ in nil }.files
        } catch {
            throw .disk(error)
        }
        var summary = VerifySummary()
        for (number, file) in files.enumerated() {
            var lines: [String] = []
            do throws(DiskError) {
                let path = "\(root)/\(file.path)"
                let scan = try G3FileScan(SystemDisk().open(path, .read), size: file.size)
                summary.rows += scan.parts.reduce(0) { $0 + $1.rows }
                lines = scan.damage.map { "\(path): \($0.error)" }
            } catch {
                lines = ["\(error)"]
            }
            summary.files += 1
            summary.bytes += file.size
            summary.problems += lines.count
            for line in lines { problem(line) }
            progress(number + 1, files.count)
        }
        return summary
    }
}
