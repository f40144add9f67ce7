internal import ArchiveFormat
internal import Telemetry

// Records that are in memory, since the disk refuses: what a process that dies with them leaves
// behind is a note of how many they were.

extension LogWriter {
    /// What the file `memory` has to say now; nil where it says that already.
    func notesDue(_ state: inout LogState) -> [MemoryNote]? {
        guard let failure = state.failure else {
            guard let known = try? marker.get(), known.noted != known.inherited else { return nil }
            return []
        }
        guard state.isNoteDue || state.accepted > state.noted else { return nil }
        return state.memoryNotes(bootID: log.bootID, because: failure)
    }

    /// Writes the file `memory`, tells what happened, and then lets those go on who wait for it.
    func note(_ notes: [MemoryNote], _ ordinal: Int64) {
        let (failure, hasFailed, isNew) = log.state.withLock { state in
            defer { (state.isNoteDue, state.isFailureNew) = (false, false) }
            return (state.failure, state.isNoteDue, state.isFailureNew)
        }
        // Between two tries a note has to survive the end of the process only.
        isNoteUnsynced = isNoteUnsynced || hasFailed || failure == nil
        let newest = notes.last?.epoch ?? 0
        let isNumberDue = log.state.withLock { newest > $0.starts.saved }
        isNoteUnsynced = isNoteUnsynced || isNumberDue
        let unnoted = write(notes, isSynced: isNoteUnsynced)
        if unnoted == nil {
            isNoteUnsynced = false
            if isNumberDue { noteSaved(newest) }
        }
        guard let failure else { return }
        if isNew { log.onEvent(.inMemory(reason: failure, unnoted: unnoted)) }
        log.state.withLock { state in
            state.noted = ordinal
            if unnoted == nil { state.kept = ordinal }
            state.resumeWaiters(failure: hasFailed ? failure : nil)
        }
    }

    /// Why the file could not be written; nil where it was.
    private func write(_ notes: [MemoryNote], isSynced: Bool) -> DiskError? {
        do throws(DiskError) {
            // One that could not be made may be possible now; a full disk has no room for it.
            if case .failure(let failure) = marker { marker = .success(try reopened(failure)) }
            var known = try marker.get()
            former = known
            try known.write(notes, isSynced: isSynced)
            marker = .success(known)
            return nil
        } catch {
            marker = .failure(error)
            return error
        }
    }
}

extension LogWriter {
    /// The file, as soon as there may be one; `failure` says why there was none.
    private func reopened(_ failure: DiskError) throws(DiskError) -> MemoryMarker {
        let last = log.predecessors.last ?? 0
        let known = try MemoryMarker(openedIn: log.folder, log.disk, predecessor: last)
        if let former {
            // Whatever a write that failed has left there, it was this log's.
            let next =
                if let known { known } else { try MemoryMarker(madeIn: log.folder, log.disk) }
            return next.goingOn(from: former)
        }
        if let known, !known.isDamaged { return known }
        // What could not be read is not written over before the disk knows of that.
        let isThere = MemoryMarker.isThere(in: log.folder, log.disk)
        if isThere { log.state.withLock { $0.starts.doubt(before: $0.epoch) } }
        saveStarts()
        guard !isThere || log.state.withLock({ $0.starts.areListed }) else { throw failure }
        return try MemoryMarker(madeIn: log.folder, log.disk)
    }
}

extension LogState {
    /// What would be lost if the process died now: a note an epoch.
    func memoryNotes(bootID: String, because failure: DiskError) -> [MemoryNote] {
        var notes: [MemoryNote] = []
        for run in queue where !run.entries.isEmpty {
            let from = Timestamp(nanoseconds: run.entries[0].published)
            let to = Timestamp(nanoseconds: run.entries[run.entries.count - 1].published)
            if let last = notes.indices.last, notes[last].epoch == run.epoch {
                notes[last].last = run.next - 1
                notes[last].to = to
            } else {
                notes.append(
                    MemoryNote(
                        epoch: run.epoch,
                        bootID: bootID,
                        first: run.first,
                        last: run.next - 1,
                        from: from,
                        to: to,
                        reason: "\(failure)"
                    )
                )
            }
        }
        for number in notes.indices {
            let begin = notes[number].first
            let lost = announced.filter {
                $0.epoch == notes[number].epoch && $0.position >= begin && $0.loss.epoch == $0.epoch
            }
            notes[number].losses = RecordLoss.joined(lost.map(\.loss)).suffix(Limits.noteLosses)
            // The end of an epoch is no loss.
            if notes[number].epoch < epoch || isClosing { notes[number].last -= 1 }
        }
        return notes.filter { $0.last >= $0.first }
    }
}
