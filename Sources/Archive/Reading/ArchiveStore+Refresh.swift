internal import ArchiveFormat
internal import Log
internal import Telemetry

extension ArchiveStore {
    /// Takes in what is new in the folders of `days`, or in all.
    ///
    /// A sealed file and the segment that it replaces change places in one step, as seen by
    /// every query, also where that happens while the folders are listed.
    func refresh(days: Set<String>?, progress: (Int, Int) -> Void) throws(ArchiveError) {
        try withState { state throws(ArchiveError) in
            try refresh(&state, days: days, progress: progress)
        }
    }

    /// Takes in what is new, and leaves the index with its checksum.
    func refresh(
        _ state: inout State,
        days: Set<String>?,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(ArchiveError) {
        for _ in 1...Limits.restarts where try take(&state, days: days, progress: progress) {
            return
        }
    }

    /// The files at one moment: of a folder that is read while one name takes the place of another
    /// the kernel may list neither.
    private func files(days: Set<String>?) throws(ArchiveError) -> [ArchiveFile] {
        var files = try directory.files(days: days)
        for _ in 1..<Limits.restarts {
            let again = try directory.files(days: days)
            guard again != files else { break }
            files = again
        }
        return files
    }

    /// Takes in what the folders list; false where a segment was sealed and deleted behind the
    /// list, which the next one has as a sealed file.
    private func take(
        _ state: inout State,
        days: Set<String>?,
        progress: (Int, Int) -> Void
    ) throws(ArchiveError) -> Bool {
        let files = try files(days: days)
        var isWhole = true
        let change = try index.refresh(
            files,
            days: days,
            suspects: Set(cache.openPaths.map(relative) + state.damage.paths),
            progress: progress
        )
        try index.seal()
        state.problems = change.problems
        for path in change.changed {
            cache.forget(directory.full(path))
            state.damage.forget(path)
        }
        for (path, flaw) in change.flaws { state.damage.note(flaw, in: path) }
        if let path = state.damage.lookAgain(directory) { cache.forget(directory.full(path)) }
        if !change.added.isEmpty || !change.changed.isEmpty {
            let known = try index.sourcesAndCursors()
            state.sources = known.sources
            state.sealedCursors = CursorTable(known.cursors)
        }
        let sources = state.sources
        let listed = Set(files.map(\.id))
        // What is in no sealed file and not there was left by its writer before anything counted.
        state.segments.removeAll { segment in
            let isLookedAt = days?.contains(segment.file.day) ?? true
            return sources.contains(segment.file.id)
                || isLookedAt && !listed.contains(segment.file.id)
        }
        let open = Set(state.segments.map(\.file.id))
        state.segmentProblems = state.segmentProblems.filter { open.contains($0.key) }
        for file in files
        where file.kind == .journal && !sources.contains(file.id) && !open.contains(file.id) {
            if try !add(file, &state) { isWhole = false }
        }
        state.segments.sort { $0.file < $1.file }
        for place in state.segments.indices {
            try follow(place, &state)
        }
        return isWhole
    }

    /// Opens a segment; false if it is not there any more.
    private func add(_ file: ArchiveFile, _ state: inout State) throws(ArchiveError) -> Bool {
        do throws(DiskError) {
            let segment = try directory.disk.open(directory.full(file), .read)
            state.segments.append(
                OpenSegment(file: file, follower: JournalFollower(segment))
            )
        } catch {
            if case .missing = error { return false }
            state.segmentProblems[file.id] = ["\(file.path): cannot be opened: \(error)"]
        }
        return true
    }

    /// A path of a sealed file relative to the archive.
    private func relative(_ path: String) -> String {
        String(path.dropFirst(directory.path.count + 1))
    }

    /// Takes in what is new in one segment.
    private func follow(_ place: Int, _ state: inout State) throws(ArchiveError) {
        let isClosed = place + 1 < state.segments.count
        // Taken out meanwhile, so that its columns grow in place.
        var segment = state.segments[place]
        state.segments[place] = OpenSegment(file: segment.file, follower: segment.follower)
        defer { state.segments[place] = segment }
        let wasOpened = segment.openedWith != nil
        do {
            try segment.follower.read(isClosed: isClosed) { record in
                try note(record, &state)
                segment.note(record)
                makeRoom(for: &segment, &state)
            } others: { event in
                if case .damage(let range, let reason) = event {
                    state.segmentProblems[segment.file.id, default: []].append(
                        "\(segment.file.path): damage at bytes \(range.lowerBound)-"
                            + "\(range.upperBound): \(reason)"
                    )
                }
                segment.note(event)
            }
        } catch let error as ArchiveError {
            throw error
        } catch let error as DiskError {
            // What can be read is answered; the next refresh goes on from here.
            state.segmentProblems[segment.file.id] = ["\(segment.file.path): \(error)"]
        } catch {
            throw .journal("\(segment.file.path): \(error)")
        }
        if !wasOpened, let opening = segment.openedWith {
            try cut(at: opening, before: place, &state)
        }
    }

    /// Leaves out what a segment has again, of those before it back to one that says so itself.
    private func cut(
        at opening: [Cursor],
        before place: Int,
        _ state: inout State
    ) throws(ArchiveError) {
        for earlier in state.segments[..<place].indices.reversed() {
            do throws(ChunkError) {
                try state.segments[earlier].cut(at: opening)
            } catch {
                throw .journal("\(state.segments[earlier].file.path): \(error)")
            }
            if state.segments[earlier].openedWith != nil { break }
        }
    }

    /// Encodes rows if all open segments hold too much, and leaves rows to the journal if that is
    /// not enough; those of the oldest segment first.
    private func makeRoom(for segment: inout OpenSegment, _ state: inout State) {
        var total = state.segments.reduce(segment.byteCount) { $0 + $1.byteCount }
        guard total > openByteLimit else { return }
        // A quarter at once, since to encode few rows gains little.
        let most = openByteLimit / 4 * 3
        func change(_ segment: inout OpenSegment, _ body: (inout OpenSegment, Int) -> Void) {
            guard total > most else { return }
            let before = segment.byteCount
            body(&segment, total - most)
            total += segment.byteCount - before
        }
        for place in state.segments.indices {
            change(&state.segments[place]) { segment, _ in segment.encode() }
        }
        change(&segment) { segment, _ in segment.encode() }
        for place in state.segments.indices {
            change(&state.segments[place]) { segment, excess in segment.forget(excess) }
        }
        change(&segment) { segment, excess in segment.forget(excess) }
    }

    /// Moves the newest time of the timeline on, and counts samples that came too late.
    private func note(_ record: JournalBlocks, _ state: inout State) throws(ArchiveError) {
        let name = "\(record.instance).\(record.feed.name)"
        var newest = try newest(instance: record.instance, feed: record.feed.name, &state)
        record.rows.forEachTime(record.source.types) { time in
            let timestamp = Timestamp(nanoseconds: time)
            guard let known = newest else {
                newest = timestamp
                return
            }
            if timestamp < known - record.feed.lateness { state.revisions[name, default: 0] += 1 }
            newest = max(known, timestamp)
        }
        if let newest { state.newest[name] = newest }
    }
}

extension OpenSegment {
    /// What the segment holds of each field in `range`.
    func summaries(in range: Range<Timestamp>) -> [FieldSummary] {
        timelines.values.flatMap { timeline -> [FieldSummary] in
            let span = timeline.span
            guard span.overlaps(range) else { return [] }
            return timeline.feed.fields.map { field in
                FieldSummary(
                    name: FieldName(
                        instance: timeline.instance,
                        feed: timeline.feed.name,
                        field: field.name
                    ),
                    field: field,
                    period: timeline.feed.period,
                    lateness: timeline.feed.lateness,
                    first: span.first,
                    last: span.last,
                    count: Int64(span.rows)
                )
            }
        }
    }
}
