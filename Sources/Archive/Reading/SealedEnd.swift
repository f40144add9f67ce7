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
    ///
    /// Those that are of no use, and the parts together, may have `plain` bytes once decompressed.
    static func read(
        _ file: any SegmentFile,
        size: Int,
        plain: Int = SealedLimits.plainBytesPerFooter
    ) throws(SealedFileError) -> SealedEnd {
        let problem: SealedFileError
        do throws(SealedFileError) {
            var allowance = FooterAllowance(stored: size, plain: plain)
            let end = try SealedEnd(of: file, at: size, &allowance)
            guard end.footer.part != nil else { return end }
            problem = .noMagic(offset: size)
        } catch {
            problem = error
        }
        let allowance = FooterAllowance(stored: size, plain: plain)
        guard var last = try last(of: file, size: size, allowance) else { throw problem }
        if last.footer.part == nil {
            last.flaws = [problem]
            return last
        }
        return try SealedEnd(joining: last, in: file, size: size, allowance, because: problem)
    }

    /// The footer whose trailer ends at byte `end`; one that begins before byte `start` is none.
    ///
    /// What has to be read and decompressed to find that out is taken from `allowance`.
    init(
        of file: any SegmentFile,
        from start: Int = SealedLayout.headLength,
        at end: Int,
        _ allowance: inout FooterAllowance
    ) throws(SealedFileError) {
        let place = max(0, end - SealedLayout.trailerLength)..<max(0, end)
        guard let trailer = try? file.bytes(place) else { throw .tooShort(byteCount: end) }
        let range = try SealedLayout.footerRange(
            trailer: trailer,
            from: start,
            fileLength: end
        )
        plainByteCount = SealedLayout.plainCount(trailer: trailer)
        guard range.count <= Limits.footerRead else {
            throw .footer("\(range.count) bytes of it cannot be read")
        }
        allowance.stored -= range.count
        guard allowance.stored >= 0, let bytes = try? file.bytes(range), bytes.count == range.count
        else { throw .footer("\(range.count) bytes of it cannot be read") }
        do throws(SealedFileError) {
            footer = try SealedLayout.footer(bytes, trailer: trailer)
        } catch {
            // Without the right checksum nothing is decompressed, nor what would be too long.
            if case .footerChecksum = error { throw error }
            if plainByteCount <= SealedLimits.plainBytesPerFooter {
                allowance.plain -= plainByteCount
            }
            throw error
        }
        allowance.plain -= plainByteCount
        version = SealedLayout.version(trailer: trailer)
        self.range = range.lowerBound..<end
    }

    /// What the part `last` and those before it say; throws if that is not enough to use the file.
    private init(
        joining last: SealedEnd,
        in file: any SegmentFile,
        size: Int,
        _ allowance: FooterAllowance,
        because problem: SealedFileError
    ) throws(SealedFileError) {
        var parts: [SealedFooter?] = []
        var start = SealedLayout.headLength
        var allowance = allowance
        allowance.plain -= last.plainByteCount
        for (number, end) in last.footer.parts.enumerated() {
            // What lies about its parts could have one of them read again and again.
            guard end > start, end <= last.range.lowerBound else { throw problem }
            let part = try? last.part(in: start..<end, of: file, &allowance)
            guard !allowance.isSpent else {
                throw .costlyFooters(count: number + 1, in: SealedLayout.headLength..<end)
            }
            parts.append(part?.footer)
            if part == nil { lost.append(start..<end) }
            start = end
        }
        if last.footer.part?.isLast == false { lost.append(last.range.upperBound..<size) }
        guard let footer = SealedFooter(parts: parts + [last.footer]) else { throw problem }
        self.footer = footer
        version = last.version
        range = last.range
        plainByteCount = last.plainByteCount
        flaws = lost.isEmpty ? [problem] : lost.map { .lost($0) }
    }

    /// The part of the same file that fills the end of `bytes`.
    private func part(
        in bytes: Range<Int>,
        of file: any SegmentFile,
        _ allowance: inout FooterAllowance
    ) throws(SealedFileError) -> SealedEnd {
        let part = try SealedEnd(of: file, from: bytes.lowerBound, at: bytes.upperBound, &allowance)
        guard part.footer.id == footer.id, part.footer.part != nil || version == 2
        else { throw .footer("what ends at byte \(bytes.upperBound) is no part of it") }
        return part
    }

    /// What is wrong with the footers before the one that counts.
    ///
    /// Together they may have `plain` bytes once decompressed.
    func flawsOfParts(
        in file: any SegmentFile,
        size: Int,
        plain: Int = SealedLimits.plainBytesPerFooter
    ) -> [SealedFileError] {
        guard flaws.isEmpty, range.upperBound == size else { return [] }
        var flaws: [SealedFileError] = []
        var start = SealedLayout.headLength
        var allowance = FooterAllowance(stored: size, plain: plain)
        let ends = version == 2 ? [range.lowerBound] : footer.parts
        for (number, end) in ends.enumerated() {
            do throws(SealedFileError) {
                guard end > start, end <= range.lowerBound else {
                    throw .footer("a part of it is said to end at byte \(end)")
                }
                _ = try part(in: start..<end, of: file, &allowance)
            } catch {
                flaws.append(error)
            }
            guard !allowance.isSpent else {
                let bytes = SealedLayout.headLength..<end
                return flaws + [.costlyFooters(count: number + 1, in: bytes)]
            }
            start = max(start, end)
        }
        return flaws
    }

    /// The last whole footer that ends before the end of a file.
    private static func last(
        of file: any SegmentFile,
        size: Int,
        _ allowance: FooterAllowance
    ) throws(SealedFileError) -> SealedEnd? {
        let overlap = SealedLayout.closingMagic.count - 1
        var end = size
        var (allowance, count) = (allowance, 0)
        while end > SealedLayout.headLength {
            let start = max(0, end - Limits.footerSearch)
            let window = (try? file.bytes(start..<min(size, end + overlap))) ?? []
            let places = SealedLayout.trailerEnds(in: window).map { start + $0 }
            for place in places where place <= size {
                if let found = try? SealedEnd(of: file, at: place, &allowance) { return found }
                count += 1
                guard !allowance.isSpent else {
                    throw .costlyFooters(count: count, in: place..<size)
                }
            }
            end = start
        }
        return nil
    }
}

/// What looking at the footers of one file may still cost.
///
/// Those of a file that Cerro wrote lie one behind the other, so that together they are shorter
/// than it. In others a few bytes may claim to be a thousand footers of gigabytes.
struct FooterAllowance {
    /// Bytes of them in the file, and once decompressed.
    var stored: Int, plain: Int

    /// Whether more was asked for.
    var isSpent: Bool { stored < 0 || plain < 0 }
}
