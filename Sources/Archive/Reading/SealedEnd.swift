internal import ArchiveFormat
internal import Log

/// What the footers of a sealed file say, and where the one stands that counts.
struct SealedEnd: Sendable {
    /// What is known of the file.
    let footer: SealedFooter
    /// The version that the trailer says.
    let version: UInt32
    /// The bytes that no footer describes any more, in order; where a file was cut just behind a
    /// part, none of them is there.
    private(set) var lost: [Range<Int>] = []
    /// What is wrong with footers behind the one that counts, and with parts that are needed.
    private(set) var flaws: [SealedFileError] = []
    /// The footer and its trailer.
    private let range: Range<Int>
    private let plainByteCount: Int

    /// The footer at the end of a file; where that is not whole, all parts of it that are.
    static func read(_ file: any SegmentFile, size: Int) throws(SealedFileError) -> SealedEnd {
        let problem: SealedFileError
        do throws(SealedFileError) {
            let end = try SealedEnd(of: file, at: size)
            guard end.footer.part != nil else { return end }
            problem = .noMagic(offset: size)
        } catch {
            problem = error
        }
        guard var last = last(of: file, size: size) else { throw problem }
        if last.footer.part == nil {
            last.flaws = [problem]
            return last
        }
        guard let joined = SealedEnd(joining: last, in: file, size: size, because: problem) else {
            throw problem
        }
        return joined
    }

    /// The footer whose trailer ends at byte `end`; one that begins before byte `start` is none.
    init(
        of file: any SegmentFile,
        from start: Int = SealedLayout.headLength,
        at end: Int
    ) throws(SealedFileError) {
        let place = max(0, end - SealedLayout.trailerLength)..<max(0, end)
        guard let trailer = try? file.bytes(place) else { throw .tooShort(byteCount: end) }
        let range = try SealedLayout.footerRange(
            trailer: trailer,
            from: start,
            fileLength: end
        )
        guard range.count <= Limits.footerRead,
            let bytes = try? file.bytes(range), bytes.count == range.count
        else { throw .footer("\(range.count) bytes of it cannot be read") }
        footer = try SealedLayout.footer(bytes, trailer: trailer)
        version = SealedLayout.version(trailer: trailer)
        plainByteCount = SealedLayout.plainCount(trailer: trailer)
        self.range = range.lowerBound..<end
    }

    /// What the part `last` and those before it say; nil if that is not enough to use the file.
    private init?(
        joining last: SealedEnd,
        in file: any SegmentFile,
        size: Int,
        because problem: SealedFileError
    ) {
        var parts: [SealedFooter?] = []
        var start = SealedLayout.headLength
        var left = SealedLimits.plainBytesPerFooter - last.plainByteCount
        for end in last.footer.parts {
            // What lies about its parts could have one of them read again and again.
            guard end > start, end <= last.range.lowerBound else { return nil }
            let part = try? last.part(in: start..<end, of: file)
            left -= part?.plainByteCount ?? 0
            guard left >= 0 else { return nil }
            parts.append(part?.footer)
            if part == nil { lost.append(start..<end) }
            start = end
        }
        if last.footer.part?.isLast == false { lost.append(last.range.upperBound..<size) }
        guard let footer = SealedFooter(parts: parts + [last.footer]) else { return nil }
        self.footer = footer
        version = last.version
        range = last.range
        plainByteCount = last.plainByteCount
        flaws = lost.isEmpty ? [problem] : lost.map { .lost($0) }
    }

    /// The part of the same file that fills the end of `bytes`.
    private func part(
        in bytes: Range<Int>,
        of file: any SegmentFile
    ) throws(SealedFileError) -> SealedEnd {
        let part = try SealedEnd(of: file, from: bytes.lowerBound, at: bytes.upperBound)
        guard part.footer.id == footer.id, part.footer.part != nil || version == 2
        else { throw .footer("what ends at byte \(bytes.upperBound) is no part of it") }
        return part
    }

    /// What is wrong with the footers before the one that counts.
    func flawsOfParts(in file: any SegmentFile, size: Int) -> [SealedFileError] {
        guard flaws.isEmpty, range.upperBound == size else { return [] }
        var flaws: [SealedFileError] = []
        var start = SealedLayout.headLength
        for end in version == 2 ? [range.lowerBound] : footer.parts {
            do throws(SealedFileError) {
                guard end > start, end <= range.lowerBound else {
                    throw .footer("a part of it is said to end at byte \(end)")
                }
                _ = try part(in: start..<end, of: file)
            } catch {
                flaws.append(error)
            }
            start = max(start, end)
        }
        return flaws
    }

    /// The last whole footer that ends before the end of a file.
    private static func last(of file: any SegmentFile, size: Int) -> SealedEnd? {
        let overlap = SealedLayout.closingMagic.count - 1
        var end = size
        while end > SealedLayout.headLength {
            let start = max(0, end - Limits.footerSearch)
            let window = (try? file.bytes(start..<min(size, end + overlap))) ?? []
            for place in SealedLayout.trailerEnds(in: window) where start + place <= size {
                if let found = try? SealedEnd(of: file, at: start + place) { return found }
            }
            end = start
        }
        return nil
    }
}
