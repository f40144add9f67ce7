internal import ArchiveFormat
internal import Log
internal import Telemetry

/// What a check of an archive looked at.
public struct VerifySummary: Hashable, Sendable {
    /// How many files and bytes were read.
    public var files = 0, bytes = 0
    /// How many rows there are, sealed or not.
    public var rows = 0
    /// How many problems were found.
    public var problems = 0
}

extension ArchiveTool {
    /// Reads every byte of an archive: checksums, framing, order, statistics computed again.
    ///
    /// - Parameters:
    ///   - directory: the archive; it may be in use.
    ///   - progress: called with the number of files done and of all.
    ///   - problem: called with one line for each problem: where, what, what it means.
    /// - Returns: what was looked at.
    /// - Throws: ``ArchiveError`` if the folders cannot be read at all.
    public static func verify(
        _ directory: ArchiveDirectory,
        progress: (Int, Int) -> Void = { _, _ in },
        problem: (String) -> Void
    ) throws(ArchiveError) -> VerifySummary {
        var summary = VerifySummary()
        let files = try directory.files()
        var owners: [String: [ArchiveFile]] = [:]
        var unsealed: [String: Int] = [:]
        var accounts = VerifiedAccounts(archive: try directory.writtenID())
        for (number, file) in files.enumerated() {
            var found: [String] = []
            do {
                switch file.kind {
                case .sealed:
                    let sealed = try SealedFile.open(directory.full(file), disk: directory.disk)
                    summary.bytes += sealed.byteCount
                    summary.rows += check(sealed, file.path, &found)
                    accounts.note(sealed, file)
                    for source in sealed.footer.sources {
                        owners[source, default: []].append(file)
                    }
                case .journal:
                    let isClosed = file != files.last { $0.kind == .journal }
                    let read = try check(
                        file,
                        directory,
                        isClosed: isClosed,
                        &accounts,
                        &found
                    )
                    summary.bytes += read.bytes
                    unsealed[file.id] = read.rows
                }
            } catch ArchiveError.disk(.missing), DiskError.missing {
                // Sealed or compacted meanwhile.
            } catch {
                found.append(directory.shortened("\(error)"))
            }
            summary.files += 1
            summary.problems += found.count
            for line in found { problem(line) }
            progress(number + 1, files.count)
        }
        // A segment that a sealed file was made from is about to go: its rows are there once more.
        for (id, rows) in unsealed where owners[id] == nil { summary.rows += rows }
        for line in accounts.doubled(owners) + accounts.problems(replaced: Set(owners.keys))
            + indexProblems(directory, accounts)
        {
            summary.problems += 1
            problem(line)
        }
        return summary
    }

    /// Returns how many rows and bytes the segment has.
    private static func check(
        _ file: ArchiveFile,
        _ directory: ArchiveDirectory,
        isClosed: Bool,
        _ accounts: inout VerifiedAccounts,
        _ found: inout [String]
    ) throws -> (rows: Int, bytes: Int) {
        let segment = try directory.disk.open(directory.full(file), .read)
        let follower = JournalFollower(segment)
        var entries = 0
        var rows = 0
        var lines: [String] = []
        accounts.begin(file)
        try follower.read(isClosed: isClosed) { record in
            accounts.note(record)
            rows += record.rows.count
        } others: { event in
            accounts.note(event)
            switch event {
            case .damage(let range, let reason):
                lines.append(
                    "\(file.path): entry \(entries + 1) at byte \(range.lowerBound) is damaged: "
                        + "\(reason). \(range.count) bytes are skipped; what they held is a gap "
                        + "unless the agent's log still has it; nothing is to be done"
                )
            case .unreadable(let instance, let epoch, let position, _, let reason, _):
                lines.append(
                    "\(file.path): record \(position) of epoch \(epoch) of \(instance) cannot be "
                        + "decoded: \(reason); it is kept as it came"
                )
            case .opening, .ledger, .progress: entries += 1
            case .declaration: break
            }
        }
        found += lines
        return (rows, try segment.size())
    }

    /// Returns how many rows the file has.
    static func check(
        _ sealed: SealedFile,
        _ path: String,
        _ found: inout [String]
    ) -> Int {
        found += sealed.allFlaws().map { "\(path): \($0.asWarning)" }
        var rows = 0
        for timeline in sealed.footer.timelines {
            let name = "\(timeline.instance).\(timeline.feed.name)"
            for (number, group) in timeline.groups.enumerated() {
                rows += group.rows
                let before = number > 0 ? timeline.groups[number - 1].last : group.first
                check(group, timeline, sealed, before: before) { what in
                    found.append("\(path): group \(number) of \(name): \(what)")
                }
            }
        }
        check(sealed.footer.reduced, sealed, path, &found)
        for record in sealed.footer.unreadable {
            guard let bytes = try? sealed.bytes(of: record.chunk),
                bytes.withUnsafeBytes({ crc32c($0) }) == record.chunk.checksum
            else {
                found.append(
                    "\(path): unreadable record \(record.position) of \(record.instance) at byte "
                        + "\(record.chunk.offset) is damaged as well, and lost: "
                        + "`cerro archive repair` enters that"
                )
                continue
            }
        }
        return rows
    }

    private static func chunkText(_ error: ArchiveError) -> String {
        guard case .chunk(_, let offset, let subject, let reason) = error else { return "\(error)" }
        return "chunk at byte \(offset) (\(subject)) is damaged: \(reason). Its samples are lost "
            + "here: take the file from a copy of the archive, or run `cerro archive repair`, "
            + "which keeps the rest"
    }

    private static func check(
        _ group: SealedGroup,
        _ timeline: SealedTimeline,
        _ sealed: SealedFile,
        before: Timestamp,
        _ found: (String) -> Void
    ) {
        var times: [Int64]?
        do throws(ArchiveError) {
            times = try sealed.times(of: group, in: timeline)
        } catch {
            found(chunkText(error))
        }
        if let times {
            if stableOrder(times) != nil || times.first ?? 0 < before.nanoseconds {
                found("its times run backwards")
            }
            if times.first != group.first.nanoseconds || times.last != group.last.nanoseconds {
                found("its times are not those that the footer says")
            }
        }
        for (place, field) in timeline.feed.fields.enumerated() {
            do throws(ArchiveError) {
                let subject = "\(timeline.instance).\(timeline.feed.name).\(field.name)"
                let column = try sealed.column(
                    group.columns[place].chunk,
                    field.type,
                    rows: group.rows,
                    of: subject
                )
                let statistics = Statistics(column, rows: 0..<column.count)
                if !statistics.isSame(as: group.columns[place].statistics) {
                    found(
                        "the statistics of \(field.name) are not those of its values: a plot of "
                            + "years shows other numbers than one of minutes"
                    )
                }
                guard let times else { continue }
                for rollup in group.rollups {
                    check(rollup, place, column, times, sealed, subject, found)
                }
            } catch {
                found(chunkText(error))
            }
        }
    }

    static func check(
        _ rollup: SealedRollup,
        _ place: Int,
        _ column: Column,
        _ times: [Int64],
        _ sealed: SealedFile,
        _ subject: String,
        _ found: (String) -> Void
    ) {
        let name = "the roll-up by \(rollup.tier.rawValue) of \(subject)"
        let advice =
            "nothing is lost: the samples tell the same, and `cerro archive repair` "
            + "writes it anew"
        let stored: (starts: [Int64], statistics: [Statistics])?
        do throws(ArchiveError) {
            stored = try sealed.statistics(of: place, in: rollup) {
                (chunk, type, rows) throws(ArchiveError) in
                try sealed.column(chunk, type, rows: rows, of: name)
            }
        } catch {
            guard case .chunk(_, let offset, _, let reason) = error else {
                return found("\(name) is damaged: \(error); \(advice)")
            }
            return found("\(name), chunk at byte \(offset), is damaged: \(reason); \(advice)")
        }
        guard let (starts, statistics) = stored else { return }
        let expected = Rollup.buckets(times[...], tier: rollup.tier)
        guard starts == expected.map(\.start),
            zip(statistics, expected).allSatisfy({ statistics, bucket in
                statistics.isSame(as: Statistics(column, rows: bucket.rows))
            })
        else {
            return found(
                "\(name) is not that of its values, so plots show others; \(advice)"
            )
        }
    }

    /// Looks at what retention has left: its roll-ups have to amount to its statistics.
    private static func check(
        _ timelines: [ReducedTimeline],
        _ sealed: SealedFile,
        _ path: String,
        _ found: inout [String]
    ) {
        for timeline in timelines {
            for (number, group) in timeline.groups.enumerated() {
                for (place, field) in timeline.feed.fields.enumerated() {
                    let name = "\(timeline.instance).\(timeline.feed.name).\(field.name)"
                    let subject = "\(path): reduced group \(number) of \(name)"
                    for rollup in group.rollups where rollup.columns[place] != nil {
                        let tier = "its roll-up by \(rollup.tier.rawValue)"
                        do throws(ArchiveError) {
                            let sum = try sealed.sum(of: place, in: rollup, subject: name)
                            guard !sum.amounts(to: group.statistics[place]) else { continue }
                            found.append("\(subject): \(tier) does not amount to its statistics")
                        } catch {
                            found.append("\(subject): \(tier): \(chunkText(error))")
                        }
                    }
                }
            }
        }
    }
}

extension SealedFile {
    /// What all buckets of a field amount to.
    func sum(
        of field: Int,
        in rollup: SealedRollup,
        subject: String
    ) throws(ArchiveError) -> Statistics {
        let stored = try statistics(of: field, in: rollup) {
            (chunk, type, rows) throws(ArchiveError) in
            try column(chunk, type, rows: rows, of: subject)
        }
        return (stored?.statistics ?? []).reduce(into: Statistics()) { $0.add($1) }
    }
}

extension Statistics {
    /// Whether pieces that were added up are what the whole is: of 0 and -0 either may be the
    /// least, and sums are rounded.
    func amounts(to whole: Statistics) -> Bool {
        var other = whole
        if min == whole.min { other.min = min }
        if max == whole.max { other.max = max }
        return isSame(as: other)
    }
}
