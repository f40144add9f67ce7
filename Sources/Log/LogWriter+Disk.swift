internal import ArchiveFormat
internal import Telemetry

extension LogWriter {
    /// Writes a run with one call.
    func write(_ run: Run) {
        do throws(DiskError) {
            let file: any SegmentFile
            if let open = self.file, !begins(run) {
                file = open
            } else {
                file = try begin(run)
            }
            noteUnsynced(file, run)
            let count = try run.bytes.withUnsafeBufferPointer {
                (bytes) throws(DiskError) -> Int in
                try file.append([UnsafeRawBufferPointer(bytes)])
            }
            if count == run.bytes.count {
                written(run, records: run.entries.count, byteCount: count, failure: nil)
            } else {
                // What is behind the last whole record stays there as debris; nobody appends to it.
                self.file = nil
                let failure = DiskError.full(path: file.path, during: "write")
                written(
                    run,
                    records: run.wholeRecords(in: count),
                    byteCount: count,
                    failure: failure
                )
            }
        } catch {
            file = nil
            written(run, records: 0, byteCount: 0, failure: error)
        }
    }

    /// Whether a new file begins with `run`.
    func begins(_ run: Run) -> Bool {
        file == nil || run.beginsSegment || run.beginsFile || fileEpoch != run.epoch
    }

    /// Creates the segment that begins with `run`.
    private func begin(_ run: Run) throws(DiskError) -> any SegmentFile {
        let (epochs, stale) = log.state.withLock { state in
            // One of that name holds nothing whole: its first record is still to be written.
            let stale = state.segments.firstIndex { $0.epoch == run.epoch && $0.first == run.first }
            if let stale { state.segments.remove(at: stale) }
            return (state.epochs, stale != nil)
        }
        if stale {
            unsynced.removeAll { $0.epoch == run.epoch && $0.first == run.first }
        }
        if epochs != savedEpochs {
            try log.disk.replace(
                "\(log.folder)/\(LogTables.epochs)",
                with: LogTables.encode(epochs)
            )
            savedEpochs = epochs
            noteSaved(epochs.last?.epoch)
        }
        saveStarts()
        if var known = try? marker.get(), !known.inherited.isEmpty {
            known.forgetInherited()
            marker = .success(known)
        }
        former?.forgetInherited()
        let segment = Segment(
            epoch: run.epoch,
            first: run.first,
            index: SegmentIndex(first: run.first),
            byteCount: 0,
            beginsWithDeclarations: run.beginsSegment
        )
        let path = "\(log.folder)/\(segment.name)"
        try log.disk.removeIfThere(path)
        let created = try log.disk.open(path, .create)
        try log.disk.syncFolder(log.folder)
        log.state.withLock { $0.segments.append(segment) }
        file = created
        fileEpoch = run.epoch
        return created
    }

    /// The disk knows the number of `epoch` now: what is in it may be fetched.
    func noteSaved(_ epoch: Int64?) {
        log.state.withLock { state in
            state.starts.saved = max(state.starts.saved, epoch ?? 0)
            state.resumeRecordWaiters()
        }
    }

    /// Notes that an epoch began which the table of epochs will forget; the next segment tries
    /// again where the disk refuses that.
    func saveStarts() {
        let starts = log.state.withLock { $0.starts }
        guard !starts.areListed,
            LogTables.save(
                starts: starts.epochs,
                since: starts.since,
                log.bootID,
                log.folder,
                log.disk
            )
        else { return }
        log.state.withLock { state in
            let isSame = state.starts.epochs == starts.epochs && state.starts.since == starts.since
            state.starts.areListed = isSame
        }
    }

    private func noteUnsynced(_ file: any SegmentFile, _ run: Run) {
        let place = log.state.withLock { $0.segments.last }
        guard let place, let index = place.index else { return }
        if let last = unsynced.last, last.epoch == place.epoch, last.first == place.first { return }
        unsynced.append(
            Unsynced(
                file: file,
                epoch: place.epoch,
                first: place.first,
                beginsWithDeclarations: place.beginsWithDeclarations,
                end: index.end,
                next: index.next
            )
        )
    }

    /// Notes that the first `records` of a run are in the file, and why not all of them.
    private func written(_ run: Run, records: Int, byteCount: Int, failure: DiskError?) {
        unsyncedBytes += byteCount
        var events: [LogEvent] = []
        let retry = log.time.monotonic + log.settings.syncInterval
        log.state.withLock { state in
            if records > 0 {
                state.note(run, records: records, byteCount: byteCount)
                if records == run.entries.count { state.recent.add(state.queue[0]) }
                let published = state.queue[0].publishedCount
                var whole = state.queue[0]
                if records < run.entries.count { whole = whole.first(records) }
                whole.publishedCount = published
                if published < records {
                    events.append(.written(whole.unpublished(feedNames: state.feedNames)))
                }
            }
            if records == run.entries.count {
                state.queue.removeFirst()
            } else {
                if records > 0 { state.queue[0] = state.queue[0].withoutFirst(records) }
                state.queue[0].isTaken = false
            }
            if let failure {
                fail(&state, failure, retry)
            } else if state.failure != nil, state.queue.isEmpty {
                state.failure = nil
                events.append(.recovered)
            }
            if failure == nil { state.resumeWaiters() }
        }
        for event in events { log.onEvent(event) }
    }

    /// From now on records stay in memory; the next try is at `retry`.
    ///
    /// Those who wait go on when that is noted.
    private func fail(_ state: inout LogState, _ failure: DiskError, _ retry: Duration) {
        retryDue = retry
        state.isForced = false
        state.beginsSegmentNext = true
        state.isFailureNew = state.isFailureNew || state.failure == nil
        state.isNoteDue = true
        state.failure = failure
        state.recent.clear()
        state.readable = max(state.readable, state.nextPosition - 1)
    }

    /// Syncs all that is written.
    ///
    /// What a failed sync leaves in doubt is read back and written anew.
    func sync() {
        while let oldest = unsynced.first {
            do throws(DiskError) {
                try oldest.file.sync()
                unsynced.removeFirst()
            } catch {
                return takeBack(error)
            }
        }
        unsyncedBytes = 0
        log.state.withLock { state in
            state.synced = state.written
            state.resumeWaiters()
        }
    }

    private func takeBack(_ failure: DiskError) {
        let doubtful = unsynced
        unsynced = []
        unsyncedBytes = 0
        file = nil
        var runs: [Run] = []
        for part in doubtful {
            // What a write that failed has put behind that is still to be written.
            let end = log.state.withLock { $0.end(of: part) } ?? part.end
            let bytes = (try? part.file.bytes(part.end..<max(part.end, end))) ?? []
            let isWhole = part.end == 0 && part.beginsWithDeclarations
            runs.append(
                Run(
                    epoch: part.epoch,
                    first: part.next,
                    beginsSegment: isWhole,
                    readBack: bytes
                )
            )
        }
        let retry = log.time.monotonic + log.settings.syncInterval
        let now = log.time.now
        var events: [LogEvent] = []
        log.state.withLock { state in
            var losses: [RecordLoss] = []
            state.drop = nil
            for (part, index) in zip(doubtful, runs.indices) {
                let next = state.truncate(part) ?? runs[index].next
                runs[index].lastOrdinal = state.written
                if runs[index].next < next {
                    losses.append(
                        RecordLoss(
                            epoch: part.epoch,
                            first: runs[index].next,
                            count: next - runs[index].next,
                            from: now,
                            to: now,
                            cause: LossCause.unsynced
                        )
                    )
                }
            }
            let kept = runs.filter { !$0.entries.isEmpty }
            state.queue.insert(contentsOf: kept, at: 0)
            state.queueBytes += kept.reduce(0) { $0 + $1.bytes.count }
            fail(&state, failure, retry)
            for loss in losses {
                state.encode(.loss(loss), published: now)
                events.append(.dropped(loss))
            }
        }
        for event in events { log.onEvent(event) }
    }
}
